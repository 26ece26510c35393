"""A rehearsal that is killed at drawn moments and run again, in a process of its own.

    python tests/killed_rehearsal.py FOLDER MODEL PLAN SEED KILLS

It is lived through once without a stop, and once more with one SIGKILL for each draw; written is,
as JSON, how many were killed, and how many moments there were.
"""

import json
import os
import random
import signal
import sys
from pathlib import Path

from bedside.core.clock import FixedClock
from bedside.wiring.progress import LineProgress
from bedside.wiring.rehearsing import read_rehearsal, rehearse_in


def lived(workspace: Path, model: Path, plan: Path, *, until: int | None) -> int:
    """Rehearse in a fork, killed at its so many-th moment; its wait status.

    A moment is a look at the clock or the renaming of a file: there are many of each everywhere.
    How many there were lies in `moments` beside the workspace.
    """
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    seen = 0

    def counted(real):
        def moment(*arguments, **named):
            nonlocal seen
            seen += 1
            if seen == until:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return moment

    FixedClock.now = counted(FixedClock.now)
    Path.rename, os.replace = counted(Path.rename), counted(os.replace)
    rehearse_in(
        workspace, model, None, read_rehearsal(plan),
        progress=LineProgress(), tell=lambda _told: None, every=0.0,
    )  # fmt: skip
    workspace.with_suffix(".moments").write_text(str(seen))
    os._exit(0)


def main(folder: Path, model: Path, plan: Path, seed: int, kills: int) -> None:
    """Rehearse without a stop, and with so many."""
    whole, killed = folder / "whole", folder / "killed"
    if lived(whole, model, plan, until=None):
        raise SystemExit("the rehearsal without a stop did not end")
    moments = int(whole.with_suffix(".moments").read_text())
    drawn, died = random.Random(seed), 0
    for _ in range(kills):
        died += os.WTERMSIG(
            lived(killed, model, plan, until=1 + drawn.randrange(moments // 2))
        ) == (signal.SIGKILL)
    ended = lived(killed, model, plan, until=None)
    print(json.dumps({"killed": died, "moments": moments, "ended": ended}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), *map(int, sys.argv[4:]))
