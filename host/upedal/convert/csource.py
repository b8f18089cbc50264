"""C source: a model as a constant array in one header, and a folder with the core beside it; written only.

The header is C99 and C++11 and needs nothing but `up_model.h` of the core. Its arena size is the one
that this machine's 64-bit layout takes: a 32-bit target, whose pointers are half as long, needs less.
"""

import re
from pathlib import Path

from .. import __version__, paths, upm
from ..errors import UpedalError

CORE = paths.ROOT / "native_modules" / "core"
_KEYWORDS = {"auto", "break", "case", "char", "class", "const", "default", "delete", "do", "double", "else",
             "enum", "extern", "float", "for", "if", "inline", "int", "long", "main", "new", "private", "public",
             "register", "return", "short", "signed", "sizeof", "static", "struct", "switch", "template", "this",
             "typedef", "union", "unsigned", "void", "volatile", "while"}  # fmt: skip

_HEADER = """\
// {title}: a model for the core of upedal (up_model.h); made by upedal {version}. Do not edit.
{notes}//
// Ten lines that play it:
//
//     #include "{name}.h"
//     static UP_ALIGN16 unsigned char memory[{macro}_ARENA];
//     static up_model_t *model;
//     int setup(void) {{
//         up_arena_t arena = {{ memory, sizeof(memory), 0 }};
//         return up_model_layout(&model, {name}, sizeof({name}), &arena); // 0, or see up_error_text()
//     }}
//     void audio(const float *in, float *out, size_t frames) {{ // full scale 1.0, {rate} Hz, any block
//         up_model_process(model, in, out, frames);
//     }}
//
// After setup run {macro}_PREWARM frames of silence{knob_hint}.
#ifndef UPEDAL_MODEL_{macro}_H
#define UPEDAL_MODEL_{macro}_H

#include "up_model.h"

#ifndef UP_ALIGN16
#if defined(__GNUC__)
#define UP_ALIGN16 __attribute__((aligned(16)))
#elif defined(__cplusplus)
#define UP_ALIGN16 alignas(16)
#else
#define UP_ALIGN16 _Alignas(16)
#endif
#endif

#define {macro}_RATE {rate} // Hz
#define {macro}_PREWARM {prewarm} // frames
#define {macro}_KNOBS {knobs}
#define {macro}_ARENA {arena} // bytes of memory, 16-byte aligned, on 32-bit and 64-bit targets

static const UP_ALIGN16 unsigned char {name}[{size}] = {{
{rows}
}};

#endif
"""

_EXAMPLE = """\
// Plays raw float32 from stdin to stdout at {rate} Hz: ./example < in.f32 > out.f32
#include <stdio.h>

#include "{name}.h"

static UP_ALIGN16 unsigned char memory[{macro}_ARENA];

int main(void) {{
    up_arena_t arena = {{ memory, sizeof(memory), 0 }};
    up_model_t *model;
    int error = up_model_layout(&model, {name}, sizeof({name}), &arena);
    if (error) {{
        fprintf(stderr, "%s\\n", up_error_text(error));
        return 1;
    }}
    float x[48] = {{ 0.0f }}, rest[48];
    for (unsigned long left = {macro}_PREWARM; left;) {{
        size_t n = left < 48 ? (size_t)left : 48;
        up_model_process(model, x, rest, n); // of silence
        left -= n;
    }}
    for (size_t n; (n = fread(x, sizeof(*x), 48, stdin)) > 0;) {{
        up_model_process(model, x, x, n);
        fwrite(x, sizeof(*x), n, stdout);
    }}
    return 0;
}}
"""

_README = """\
{title} as C source: {name}.h is the model, up_*.[ch] the core that plays it (C99; the headers are C++ too).

This machine:  cc -O2 -ffp-contract=off example.c up_*.c -o example
Cortex-M7:     arm-none-eabi-gcc -mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard -O2 -ffp-contract=off -c up_*.c

example.c shows the whole use. -ffp-contract=off keeps the output bit-identical to upedal's simulator where
the processor has a fused multiply-add that the compiler may use (on a PC add -mfma).
{licence}"""


def detect(data, name):
    return False


def read(data, name, *, size=None, warn=print):
    raise UpedalError(f"{name}: C source is written only; expected the .upm that it was made from")


def identifier(name):
    """A C name from a file's."""
    text = re.sub(r"[^0-9A-Za-z]+", "_", Path(name).stem).strip("_")[:60] or "model"
    return f"m_{text}" if text[0].isdigit() or text in _KEYWORDS or text.startswith("up_") else text


def _comment(text, limit=200):
    """One line that stays inside a comment of //, whatever a file said."""
    return re.sub(r"[^ -~\xa0-\ud7ff\ue000-\uffff]+", " ", str(text)).replace("\\", "/")[:limit].strip()


def _notes(model):
    lines = [f"{k}: {v}" for k, v in sorted(model.meta.items()) if k != "name"]
    lines += [f"knob {k}: {n} {lo:g} to {hi:g} {u}, default {d:g}" for k, (n, u, lo, hi, d) in enumerate(model.knobs, 1)]
    return "".join(f"// {_comment(line)}\n" for line in lines)


def _values(model, name):
    """What the templates hold."""
    blob = upm.dumps(model)
    rows = (blob[at : at + 20] for at in range(0, len(blob), 20))
    c_name = identifier(name)
    return {
        "title": _comment(model.meta.get("name", c_name)),
        "version": __version__,
        "notes": _notes(model),
        "name": c_name,
        "macro": c_name.upper(),
        "rate": model.rate_hz,
        "prewarm": model.prewarm,
        "knobs": len(model.knobs),
        "knob_hint": f"; knobs: up_model_set_knobs(model, values), {len(model.knobs)} floats" if model.knobs else "",
        "arena": upm.check(blob, name),
        "size": len(blob),
        "rows": "\n".join("".join(f"{byte}," for byte in row) for row in rows),
    }


def write(model, name, *, warn=print):
    """One header."""
    return _HEADER.format(**_values(model, name)).encode()


def _sources():
    """The core's files that models need, and sample formats and rates; not the effects."""
    effects = set((CORE / "up_effects.inc").read_text().split('"')[1::2]) - {"up_fx.c", "up_resample.c"}
    effects |= {name[:-1] + "h" for name in effects}
    effects |= {"up_effect.h", "up_kernels.h", "up_math.h", "up_clip.h", "up_fir_vfp.h", "up_pconv_vfp.h", "up_fft_vfp.h"}
    found = [p for p in sorted(CORE.glob("up_*")) if p.suffix in (".c", ".h")]
    return [p for p in found if p.name not in effects]


def write_folder(model, folder, name=None, *, warn=print):
    """The header, the core's sources, an example and how to build it, into a folder; bytes written.
    name: the model's in C; by default the folder's. Files are replaced one by one, the header last."""
    folder = Path(folder)
    sources = _sources()
    if not sources:
        raise UpedalError(f"{CORE}: no sources of the core; expected up_model.c and the like")
    values = _values(model, name or folder.resolve().name)
    licence = paths.ROOT / "LICENSE"
    values["licence"] = "The core is under the MIT licence.\n"
    files = {p.name: p.read_bytes() for p in sources}
    files |= {"LICENSE": licence.read_bytes()} if licence.is_file() else {}
    files |= {"example.c": _EXAMPLE.format(**values).encode(), "README.txt": _README.format(**values).encode()}
    files[f"{values['name']}.h"] = _HEADER.format(**values).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UpedalError(f"{folder}: {e.strerror or e}") from None
    for title, data in files.items():
        upm.replace(folder / title, data)
    return sum(map(len, files.values()))
