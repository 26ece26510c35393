"""Build time of the sepsis use case, split by step, as shares of the whole."""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bedside.lifecycle.build import build
from bedside.usecases import folder_of
from bedside.wiring.workspace import actor_of, open_workspace


class Timed:
    """Progress that keeps how long each step took, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, *, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Time one step."""
        began = time.perf_counter()
        yield lambda _: None
        self.seconds[name] = time.perf_counter() - began

    def note(self, text: str) -> None:
        """Nothing is shown."""

    def skipped(self, name: str) -> None:
        """A fresh workspace skips nothing."""


def main() -> None:
    """Build once in a fresh workspace and print each step's share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "data", type=Path, nargs="?", default=Path("../shared/data/physionet-2019-sepsis")
    )
    data = parser.parse_args().data
    if not data.exists():
        print(f"No data in {data}: give the folder of sepsis_setB.parquet.")
        return
    progress = Timed()
    with tempfile.TemporaryDirectory() as folder:
        actor = actor_of(None, "benchmark")
        platform = open_workspace(Path(folder), actor=actor, progress=progress)
        build(platform, folder_of("early_warning"), data)
    whole = sum(progress.seconds.values())
    for name, seconds in progress.seconds.items():
        print(f"{name:<16} {seconds:7.1f} s {seconds / whole:6.1%}")
    print(f"{'whole':<16} {whole:7.1f} s")


if __name__ == "__main__":
    main()
