"""Measures the table of docs/checks.md anew: faults planted in a good pair, and what the checks found.

usage: python tools/planted_table.py            prints the table
       python tools/planted_table.py --write    puts it between the marks in docs/checks.md
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "host"))

import planted  # noqa: E402

PAGE = ROOT / "docs" / "checks.md"
MARKS = ("<!-- planted faults -->\n", "<!-- end of planted faults -->\n")


def main():
    lines = []
    for line in planted.table():
        print(line, flush=True)
        lines.append(f"{line}\n")
    if "--write" in sys.argv[1:]:
        before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
        text = before + MARKS[0] + "".join(lines) + MARKS[1] + rest.split(MARKS[1])[1]
        beside = PAGE.with_suffix(".part")
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, PAGE)


if __name__ == "__main__":
    main()
