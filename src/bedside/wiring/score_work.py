"""What an engine's workers are asked to do where a version scores shards."""

from functools import lru_cache
from pathlib import Path

from bedside.lifecycle.opening import opened
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.scoring_rows_task import score_block
from bedside.lifecycle.scoring_task import Loaded, loaded, score_shard
from bedside.lifecycle.shards import read_task

__all__ = ["score", "score_rows"]


def score(task: bytes) -> bytes:
    """Score one shard; the task names the workspace, and everything else by digest."""
    told = read_task(task)
    platform, model = _ready(told["workspace"], told["bundle"])
    return score_shard(platform, model, told)


def score_rows(task: bytes) -> bytes:
    """Score one block of a plain table; the task names it by its digest."""
    told = read_task(task)
    platform, model = _ready(told["workspace"], told["bundle"])
    return score_block(platform, model, told)


@lru_cache(maxsize=1)
def _ready(workspace: str, bundle: str) -> tuple[Platform, Loaded]:
    from bedside.wiring.progress import LineProgress  # noqa: PLC0415
    from bedside.wiring.workspace import actor_of, open_workspace  # noqa: PLC0415

    actor = actor_of(None, "scoring")
    platform = open_workspace(Path(workspace), actor=actor, progress=LineProgress())
    return platform, loaded(platform, opened(platform.bundles, bundle, platform.signer))
