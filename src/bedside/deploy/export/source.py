"""Which of Bedside's own modules a scoring server needs: what its entry imports, and what these do.

The rest stays out of the image: no collecting, no training, no command line.
"""

import ast
from collections.abc import Iterator, Mapping

__all__ = ["ENTRY", "modules_for"]

ENTRY = "bedside.wiring.scoring"


def modules_for(files: Mapping[str, bytes], entry: str = ENTRY) -> dict[str, bytes]:
    """The files that the entry needs.

    An import inside a function counts too. A file that is no module goes along with the package
    that it lies in.

    Args:
        files: Every file of the package `bedside`, by its path from the folder above it, such as
            `bedside/core/ids.py`.
        entry: The module that is started.
    """
    needed: set[str] = set()
    waiting = [entry]
    while waiting:
        path = _path(waiting.pop(), files)
        if path is None or path in needed:
            continue
        needed.add(path)
        waiting += _packages(path)
        waiting += _imported(files[path], path)
    folders = {path.rpartition("/")[0] for path in needed}
    beside = {
        path for path in files if not path.endswith(".py") and path.rpartition("/")[0] in folders
    }
    return {path: files[path] for path in sorted(needed | beside)}


def _path(module: str, files: Mapping[str, bytes]) -> str | None:
    place = module.replace(".", "/")
    return next((one for one in (f"{place}.py", f"{place}/__init__.py") if one in files), None)


def _packages(path: str) -> list[str]:
    """The packages around a module, which Python imports first."""
    parts = path.split("/")[:-1]
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _imported(content: bytes, path: str) -> Iterator[str]:
    """Every module that is named; `from a import b` may name the module a.b."""
    for node in ast.walk(ast.parse(content, filename=path)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)
