"""native_modules/core/up_cells_vfp.h is what tools/cells.py describes, in an order that changes no result."""

import importlib.util
import re
from collections import Counter

import pytest
from upedal import paths


def tool():
    spec = importlib.util.spec_from_file_location("cells", paths.ROOT / "tools" / "cells.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def numbered(lines):
    """Each line with how often it came before: one after the other they write the same register."""
    seen = Counter()
    for line in lines:
        yield line, seen[line]
        seen[line] += 1


def written(header, name):
    body = re.search(rf"#define {name} \\\n((?:    .*\n)+)", header)[1]
    return re.findall(r'"(.*?)\\n"', body)


@pytest.mark.toolchain("arm-none-eabi-gcc")
@pytest.mark.parametrize(("name", "left"), [("GRU", "r6"), ("LSTM", "r10")])
@pytest.mark.parametrize("units", [4, 2, 1])
def test_the_header_holds_the_described_instructions_and_no_result_is_used_too_early(name, left, units):
    cells = tool()
    described = {"GRU": cells.gru, "LSTM": cells.lstm}[name](units)
    described += [f"subs {left}, #4", "bge.w 1b"] if units == 4 else []
    lines = list(numbered(line.partition("@")[0] for line in described))
    found = written(cells.HEADER.read_text(), f"{name}_CELLS_{units}")
    place = {line: at for at, line in enumerate(numbered(found))}
    assert place.keys() == set(lines)
    for at, before in enumerate(cells.dependences(described, cells.operations(described))):
        for earlier in before:
            assert place[lines[earlier]] < place[lines[at]], (lines[earlier], lines[at])
