"""What an engine's workers are asked to do: each opens the workspace by itself."""

from functools import lru_cache
from pathlib import Path

from bedside.core.ids import canonical_json
from bedside.lifecycle.learning_curve import form_of_share
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.shards import features_of_shard, read_task
from bedside.lifecycle.sides import Sides, sides_from
from bedside.lifecycle.tuning import trial_loss

__all__ = ["features", "share", "trial"]


def features(task: bytes) -> bytes:
    """Compute the features of one shard; the task names the workspace, and everything by digest."""
    told = read_task(task)
    return features_of_shard(_opened(told["workspace"]), told).encode()


def trial(task: bytes) -> bytes:
    """Fit one trial of tuning in one fold; the loss, as JSON."""
    told = read_task(task)
    platform = _opened(told["workspace"])
    sides = _sides(told["workspace"], told["rows"])
    return canonical_json(trial_loss(sides, platform.objects.get(told["features"]), told))


def share(task: bytes) -> bytes:
    """Learn from a share of the training patients; the digest of the model, or nothing."""
    told = read_task(task)
    platform = _opened(told["workspace"])
    sides = _sides(told["workspace"], told["rows"])
    form = form_of_share(sides, platform.objects.get(told["features"]), told)
    return platform.objects.put(form).encode() if form else b""


@lru_cache(maxsize=1)
def _sides(workspace: str, rows: str) -> Sides:
    return sides_from(_opened(workspace).objects.get(rows))


@lru_cache(maxsize=1)
def _opened(workspace: str) -> Platform:
    from bedside.wiring.progress import LineProgress  # noqa: PLC0415
    from bedside.wiring.workspace import actor_of, open_workspace  # noqa: PLC0415

    actor = actor_of(None, "model development")
    return open_workspace(Path(workspace), actor=actor, progress=LineProgress())
