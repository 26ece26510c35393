"""What an engine's workers are asked to do: each opens the workspace by itself."""

from functools import lru_cache
from pathlib import Path

from bedside.lifecycle.platform import Platform
from bedside.lifecycle.shards import features_of_shard, read_task

__all__ = ["features"]


def features(task: bytes) -> bytes:
    """Compute the features of one shard; the task names the workspace, and everything by digest."""
    told = read_task(task)
    return features_of_shard(_opened(told["workspace"]), told).encode()


@lru_cache(maxsize=1)
def _opened(workspace: str) -> Platform:
    from bedside.wiring.progress import LineProgress  # noqa: PLC0415
    from bedside.wiring.workspace import actor_of, open_workspace  # noqa: PLC0415

    actor = actor_of(None, "model development")
    return open_workspace(Path(workspace), actor=actor, progress=LineProgress())
