"""What an engine's workers are asked to do where the shift laboratory simulates quarters."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from bedside.core.ids import canonical_json
from bedside.lifecycle.shards import read_task
from bedside.lifecycle.shiftlab import run_trial

__all__ = ["trial"]


def trial(task: bytes) -> bytes:
    """Simulate one hospital; the task names the workspace, and everything else by digest."""
    told = read_task(task)
    return canonical_json(run_trial(told, _reader(told["workspace"])))


@lru_cache(maxsize=1)
def _reader(workspace: str) -> Callable[[str], bytes]:
    """What reads an object of a workspace; the same for the same one, so that reads are kept."""
    from bedside.wiring.progress import LineProgress  # noqa: PLC0415
    from bedside.wiring.workspace import actor_of, open_workspace  # noqa: PLC0415

    actor = actor_of(None, "validation")
    platform = open_workspace(Path(workspace), actor=actor, progress=LineProgress())
    return platform.objects.get
