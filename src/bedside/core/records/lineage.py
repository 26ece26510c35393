"""One step of a lineage: what went in, what was done, what came out; digests and ids only."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Edge", "Node"]

Kind = Literal["raw", "snapshot", "version", "report", "export", "prediction"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Node:
    """A thing that came from others, or others came from: its kind, and its digest or id."""

    kind: Kind
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """`output` was made from `source` by a run of `job` (`run` is a UUID), at a time (ISO 8601)."""

    at: str
    job: str
    run: str
    source: Node
    output: Node
