"""A copy of the house to break rules on, and the words of `make` to see them caught."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["ROOT", "a_copy_of_the_house", "an_almost_empty_house", "make"]

ROOT = Path(__file__).resolve().parents[1]
RULES = (".gitignore", ".importlinter", "Makefile", "pyproject.toml")


def a_copy_of_the_house(folder: Path) -> Path:
    """The rules, the tools and the whole source, in a folder where they may be broken."""
    an_almost_empty_house(folder)
    for part in ("src", "docs/reference"):
        if (ROOT / part).exists():
            shutil.copytree(
                ROOT / part,
                folder / part,
                ignore=shutil.ignore_patterns("__pycache__"),
                dirs_exist_ok=True,
            )
    return folder


def an_almost_empty_house(folder: Path) -> Path:
    """The rules and the tools, and of the source only the package's own first module."""
    for name in RULES:
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "tools", folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    package = folder / "src" / "bedside"
    package.mkdir(parents=True)
    shutil.copy(ROOT / "src" / "bedside" / "__init__.py", package)
    shutil.copy(ROOT / "src" / "bedside" / "py.typed", package)
    return folder


def make(folder: Path, word: str) -> subprocess.CompletedProcess[str]:
    """Run one word of the Makefile in a folder, with the tools of this very environment."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAKE", "MFLAGS", "PYTEST_"))
    }
    return subprocess.run(
        ["make", "-C", str(folder), word, f"BIN={Path(sys.executable).parent}", "STAMP="],
        capture_output=True,
        text=True,
        env={**environment, "NO_COLOR": "1", "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )
