"""Print what pyproject.toml asks for, one requirement a line: dependencies.py [EXTRA ...]"""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def requirements(text, extras):
    """text of pyproject.toml, names of extras -> requirement strings"""
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        from pip._vendor import tomli as tomllib
    project = tomllib.loads(text)["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    return wanted


if __name__ == "__main__":
    print("\n".join(requirements(PROJECT.read_text(encoding="utf-8"), sys.argv[1:])))
