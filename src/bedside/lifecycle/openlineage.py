"""The lineage as OpenLineage run events: one JSON document to a line."""

import uuid
from itertools import groupby
from pathlib import Path
from typing import Any

import bedside
from bedside.core.ids import canonical_json
from bedside.core.records.lineage import Edge, Node
from bedside.lifecycle.platform import Platform

__all__ = ["openlineage_events", "write_openlineage"]

SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
NAMESPACE = "bedside"


def write_openlineage(platform: Platform, target: Path) -> int:
    """Write the events of a workspace as JSON lines; return how many there are.

    Raises:
        Unavailable: the disk is full or refuses.
    """
    events = openlineage_events(platform)
    platform.write(target, b"".join(canonical_json(event) + b"\n" for event in events))
    return len(events)


def openlineage_events(platform: Platform) -> list[dict[str, Any]]:
    """One COMPLETE event for each run of a job, and one for each prediction.

    Data sets are named by kind and digest; nothing of a patient is in them.

    Source: OpenLineage 2-0-2, RunEvent.
    """
    edges = sorted(platform.store.catalogue.edges(), key=lambda edge: (edge.run, edge.job))
    events = [
        _event(list(group)) for _, group in groupby(edges, key=lambda edge: (edge.run, edge.job))
    ]
    for entry in platform.ledger.entries():
        if entry.action == "answer":
            made = Node(kind="prediction", id=entry.details["prediction_id"])
            version = Node(kind="version", id=entry.details["version"])
            edge = Edge(at=entry.at, job="answer", run=made.id, source=version, output=made)
            events.append(_event([edge]))
    return sorted(events, key=lambda event: (event["eventTime"], event["run"]["runId"]))


def _event(edges: list[Edge]) -> dict[str, Any]:
    first = edges[0]
    return {
        "eventType": "COMPLETE",
        "eventTime": max(edge.at for edge in edges),
        "producer": f"https://github.com/bedside/bedside/{bedside.__version__}",
        "schemaURL": SCHEMA,
        "run": {"runId": str(uuid.uuid5(uuid.UUID(first.run), first.job))},
        "job": {"namespace": NAMESPACE, "name": first.job},
        "inputs": [_dataset(node) for node in sorted({edge.source for edge in edges})],
        "outputs": [_dataset(node) for node in sorted({edge.output for edge in edges})],
    }


def _dataset(node: Node) -> dict[str, str]:
    return {"namespace": f"{NAMESPACE}/{node.kind}", "name": node.id}
