"""One job in a process of its own: `python -m upedal.sweep.worker FOLDER BASE`.

FOLDER/job.json says what to do, with recordings whose paths start from BASE; checkpoint, model, report and result.json
are left beside it. Stdin is a pipe from the process that started this one: when it closes, training saves its
checkpoint and stops, so that no worker outlives its sweep.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from ..errors import UpedalError
from ..files import write_atomic

JOB, RESULT, PROGRESS = "job.json", "result.json", "progress.json"
DONE, CRASHED, REFUSED, STOPPED = 0, 1, 3, 130
_INSIST_S = 5.0


def main(folder, base):
    """The exit status: DONE, REFUSED (the log's end says what was wrong) or STOPPED."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & has it ignored,
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # a task of Ray blocked
    threading.Thread(target=_until_closed, daemon=True).start()
    folder = Path(folder)
    os.chdir(base)
    order = json.loads((folder / JOB).read_text(encoding="utf-8"))
    try:
        result = _run(order, folder)
    except UpedalError as e:
        print(e, file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return STOPPED
    if result["interrupted"]:
        (folder / RESULT).unlink()  # of the best net so far; a result there means finished
        return STOPPED
    # The hash makes it count as finished.
    result |= {
        "capture": order["capture"],
        "hash": order["hash"],
        "output": f"{order['name']}.upm",
    }
    write_atomic(folder / RESULT, (json.dumps(result, indent=1) + "\n").encode())
    return DONE


def _until_closed():
    """As Ctrl-C, when stdin closes; again for what goes on after training."""
    while os.read(0, 1024):
        pass
    while True:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(_INSIST_S)


def _run(order, folder):
    from .. import job
    from ..recipe import Recipe

    spec = order["spec"]
    wanted = job.Job(
        output=str(folder / f"{order['name']}.upm"), work=str(folder), recipe=Recipe(**spec["recipe"]),
        **{key: spec[key] for key in ("minutes", "seed", "board", "arithmetic", "device", "meta")},
        **{key: value for key, value in spec["options"].items()}, **order["inputs"],
        report=order["report"], command=f"upedal sweep {order['plan']}",
    )  # fmt: skip
    told = job.run(
        wanted, show=print, progress=lambda fraction, history: tell(folder, fraction, history)
    )
    # As it is written: plain numbers.
    return json.loads((folder / RESULT).read_text(encoding="utf-8")) | {
        "interrupted": told["interrupted"]
    }


def tell(folder, fraction, history):
    """Leaves FOLDER/progress.json for the process that shows it, once a second at most."""
    path = folder / PROGRESS
    if path.is_file() and time.time() - path.stat().st_mtime < 1.0:
        return
    best = min((note["val_esr"] for note in history), default=None)
    note = {"fraction": fraction, "epoch": len(history), "best": best}
    write_atomic(path, json.dumps(note).encode())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
