"""Progress on standard error: live bars for a person, plain lines for a program."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["BarProgress", "LineProgress"]


class LineProgress:
    """One line when a step starts and one when it ends."""

    @contextmanager
    def step(self, name: str, *, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Announce a step."""
        began = time.perf_counter()
        print(f"▶ {name}", file=sys.stderr, flush=True)
        yield lambda _: None
        print(f"✓ {name} {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """One line of plain words."""
        print(text, file=sys.stderr, flush=True)

    def skipped(self, name: str) -> None:
        """A step whose result already exists."""
        print(f"· {name} unchanged", file=sys.stderr, flush=True)


class BarProgress(LineProgress):
    """A live bar for each step."""

    @contextmanager
    def step(self, name: str, *, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Show a bar that moves while the step runs."""
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        console = Console(stderr=True)
        bars = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description:<14}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        with bars:
            task = bars.add_task(name, total=total)
            yield lambda done: bars.advance(task, done)
            bars.update(task, total=1, completed=1)
