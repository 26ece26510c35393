"""Refuses modules of more than 400 lines and functions of more than 60, docstrings not counted."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LIMIT = 400
FUNCTION_LIMIT = 60
FOLDERS = ("src", "tools", "benchmarks")


def modules(root: Path) -> Iterator[Path]:
    """Every Python file under the folders that are measured, in order."""
    for folder in FOLDERS:
        yield from sorted((root / folder).rglob("*.py"))


def docstring_lines(node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines the docstring takes.

    >>> docstring_lines(ast.parse("'one line'; answer = 42"))
    1
    """
    if ast.get_docstring(node, clean=False) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1


def too_long(path: Path, root: Path) -> Iterator[str]:
    """One line for each limit that a file breaks, with its figure."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source, filename=str(path))
    name = path.relative_to(root)

    if (length := len(source.splitlines())) > MODULE_LIMIT:
        yield f"{name}:1: the module has {length} lines; {MODULE_LIMIT} are allowed."

    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)
            if length > FUNCTION_LIMIT:
                yield (
                    f"{name}:{node.lineno}: function '{node.name}' has {length} lines; "
                    f"{FUNCTION_LIMIT} are allowed, the docstring not counted."
                )


def main(root: Path) -> int:
    """Print every break of a limit; the exit status is 1 when there is one."""
    measured = list(modules(root))
    faults = [fault for path in measured for fault in too_long(path, root)]
    for fault in faults:
        print(fault)

    if faults:
        print("Fix: give each thought its own function, and each noun its own module.")
    else:
        print(f"Size limits: {len(measured)} modules, none too long.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path.cwd()))
