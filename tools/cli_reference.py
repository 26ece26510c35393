"""Writes docs/reference/cli.md from the commands' own --help; with --check, refuses a stale one."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typer import Typer

PAGE = Path("docs/reference/cli.md")
OPENING = """\
# The commands

Written by `make docs` from each command's own `--help`. Do not edit this page by hand.
"""
FIXED = {
    "COLUMNS": "80",
    "HOME": "/home/you",
    "NO_COLOR": "1",
    "TERM": "dumb",
    "TYPER_USE_RICH": "0",
    "USER": "you",
}


def fix_the_surroundings() -> None:
    """Make help read the same on every machine. Call this before typer is imported."""
    for name in [name for name in os.environ if name.startswith(("BEDSIDE_", "XDG_"))]:
        del os.environ[name]
    os.environ.update(FIXED)


def commands(app: "Typer") -> Iterator[tuple[str, ...]]:
    """The path of every visible command, the outermost first: `()`, then `("build",)` and on."""
    from typer.main import get_command  # noqa: PLC0415 - after the surroundings are fixed

    def below(path: tuple[str, ...], command: Any) -> Iterator[tuple[str, ...]]:
        yield path
        for name, child in sorted(getattr(command, "commands", {}).items()):
            if not child.hidden:
                yield from below((*path, name), child)

    yield from below((), get_command(app))


def page(app: "Typer") -> str:
    """The whole reference, one section for each command.

    Raises:
        RuntimeError: a command's own help fails.
    """
    from typer.testing import CliRunner  # noqa: PLC0415

    runner = CliRunner()
    parts = [OPENING]
    for path in commands(app):
        result = runner.invoke(app, [*path, "--help"], prog_name="bedside")
        if result.exit_code != 0:
            raise RuntimeError(f"'bedside {' '.join(path)} --help' failed.") from result.exception
        text = "\n".join(line.rstrip() for line in result.stdout.strip().splitlines())
        parts.append(f"## `{' '.join(('bedside', *path))}`\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` only say whether it is stale (exit status 1)."""
    fix_the_surroundings()
    from bedside.cli.main import app  # noqa: PLC0415

    text = page(app)
    if "--check" not in arguments:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
        print(f"Wrote {PAGE}.")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE} is stale. Fix: run 'make docs' and keep what it writes.")
        return 1
    print(f"{PAGE} is fresh.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
