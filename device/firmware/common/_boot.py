# Mounts the memory card. The sizes are those of host/upedal/card.py, which makes and reads such cards.
import sys

import card
import vfs

_OPTIONS = {"readsize": 512, "progsize": 512, "lookahead": 512, "mtime": False}
try:
    vfs.mount(vfs.VfsLfs2(card.device, **_OPTIONS), "/")
except OSError:
    vfs.VfsLfs2.mkfs(card.device, readsize=512, progsize=512, lookahead=512)
    vfs.mount(vfs.VfsLfs2(card.device, **_OPTIONS), "/")
if "/lib" not in sys.path:
    sys.path.append("/lib")
