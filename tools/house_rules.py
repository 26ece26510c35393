"""Checks the rules of the house that no linter knows: names, opening sentences, ambient reads."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

VAGUE = frozenset(
    {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "stuff"}
)
AMBIENT = frozenset(
    {
        "os.environ", "os.environb", "os.getenv", "time.time", "time.time_ns", "date.today",
        "datetime.now", "datetime.today", "datetime.utcnow",
    }
)  # fmt: skip
AMBIENT_ALLOWED = ("src/bedside/wiring/", "src/bedside/core/clock.py")
UNFINISHED = re.compile(r"#\s*(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")


def words(name: str) -> list[str]:
    """The words of a name, however it joins them.

    >>> words("LedgerManager"), words("date_utils")
    (['ledger', 'manager'], ['date', 'utils'])
    """
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)]


def dotted(node: ast.expr) -> str:
    """The last two parts of an attribute chain: `datetime.datetime.now` gives `datetime.now`.

    >>> dotted(ast.parse("datetime.datetime.now", mode="eval").body)
    'datetime.now'
    """
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value).rpartition('.')[2]}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def vague_names(path: Path, tree: ast.Module) -> Iterator[str]:
    """A file, folder or class whose name does not say what it holds."""
    for part in path.with_suffix("").parts:
        if vague := VAGUE.intersection(words(part)):
            yield f"{path}:1: the name '{part}' says '{min(vague)}', which says nothing."
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and (vague := VAGUE.intersection(words(node.name))):
            yield f"{path}:{node.lineno}: class '{node.name}' says '{min(vague)}'."


def no_opening_sentence(path: Path, tree: ast.Module) -> Iterator[str]:
    """A module that does not open with one sentence saying what lives in it."""
    docstring = ast.get_docstring(tree)
    if docstring is None:
        yield f"{path}:1: the module does not open with a docstring."
    elif not docstring.split("\n\n")[0].rstrip().endswith((".", ":")):
        yield f"{path}:1: the module's docstring does not open with one whole sentence."


def ambient_reads(path: Path, tree: ast.Module) -> Iterator[str]:
    """A read of the environment or of the wall clock outside the places that may.

    Setting a variable for a library that is about to be loaded is not a read.
    """
    if not str(path).startswith("src/") or str(path).startswith(AMBIENT_ALLOWED):
        return
    written = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name := dotted(node)) in AMBIENT:
            if id(node) in written:
                continue
            yield f"{path}:{node.lineno}: '{name}' is read here; take it as an argument instead."
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (name := f"{node.module}.{alias.name}") in AMBIENT:
                    yield f"{path}:{node.lineno}: '{name}' is imported here; take an argument."


def unfinished(path: Path, source: str) -> Iterator[str]:
    """A note that the work is not done."""
    for number, line in enumerate(source.splitlines(), 1):
        if UNFINISHED.search(line):
            yield f"{path}:{number}: a note says that this is not finished."


def ignored_data(root: Path) -> Iterator[str]:
    """`.gitignore` must keep the data folder at the top out, and no other folder named data."""
    lines = (root / ".gitignore").read_text(encoding="utf-8").split()
    if "/data/" not in lines:
        yield ".gitignore:1: '/data/' is missing, so patient data could be committed."
    for number, line in enumerate(lines, 1):
        if line in {"data", "data/", "**/data/", "**/data"}:
            yield f".gitignore:{number}: '{line}' would also hide src/bedside/data; write '/data/'."


def faults(root: Path) -> Iterator[str]:
    """Every break of a rule in the tree."""
    yield from ignored_data(root)
    for folder in ("src", "tests", "tools", "benchmarks"):
        for found in sorted((root / folder).rglob("*.py")):
            path = found.relative_to(root)
            source = found.read_text(encoding="utf-8")
            tree = ast.parse(source, filename=str(path))
            yield from vague_names(path, tree)
            yield from ambient_reads(path, tree)
            yield from unfinished(path, source)
            if folder != "tests":
                yield from no_opening_sentence(path, tree)


def main(root: Path) -> int:
    """Print every break of a rule; the exit status is 1 when there is one."""
    found = list(faults(root))
    for fault in found:
        print(fault)

    print(f"House rules: {len(found)} broken." if found else "House rules: all kept.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path.cwd()))
