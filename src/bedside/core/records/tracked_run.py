"""What a tracking server is told about one build."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["TrackedRun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """One run, as a tracking server keeps it; nothing in it is of a patient.

    Args:
        experiment: Under which runs of one model are gathered.
        name: Of the run.
        started: Milliseconds since 1970, UTC.
        parameters: What was declared, as text.
        metrics: What was measured; finite numbers.
        tags: What the run is about, as text.
        files: Documents, by their path in the run, with `/` between folders.
    """

    experiment: str
    name: str
    started: int
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Mapping[str, bytes]
