"""A build told to a tracking server, where there is one; nothing depends on it."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from bedside.core.errors import BedsideError
from bedside.core.records import bundle as parts
from bedside.core.records.tracked_run import TrackedRun
from bedside.core.records.version import ModelVersion
from bedside.lifecycle.platform import Platform

__all__ = ["run_of", "track"]

DECLARED = (
    "learner", "imputation", "augmentation", "uncertainty", "fairness", "question", "evaluation",
)  # fmt: skip
FILES = (parts.REPORT, parts.EVIDENCE, parts.CARD)
"""What a run holds of a bundle; every figure in them is of ten subjects or more."""


def track(
    platform: Platform,
    version: ModelVersion,
    files: Mapping[str, bytes],
    facts: Mapping[str, Any],
) -> None:
    """Tell the tracking server of a build; where that fails, say so and go on.

    Args:
        platform: The workspace.
        version: What was registered.
        files: Of its bundle.
        facts: Of its bundle.
    """
    if platform.tracker is None:
        return
    try:
        with platform.progress.step("track"):
            run = platform.tracker.log(
                run_of(version, files, facts, started=_milliseconds(platform))
            )
    except BedsideError as error:
        platform.progress.note(
            f"MLflow was not told of this build, which stands all the same. {error}"
        )
        return
    platform.ledger.append(platform.actor, "track", {"version": version.id, "run": run})


def run_of(
    version: ModelVersion, files: Mapping[str, bytes], facts: Mapping[str, Any], *, started: int
) -> TrackedRun:
    """What is told: the declaration, the figures, the digests and the documents.

    Args:
        version: What was registered.
        files: Of its bundle.
        facts: Of its bundle.
        started: Milliseconds since 1970.
    """
    declared, evidence = json.loads(files[parts.DECLARATION]), json.loads(files[parts.EVIDENCE])
    features = json.loads(files[parts.FEATURES])
    return TrackedRun(
        experiment=version.name,
        name=version.id,
        started=started,
        parameters={
            **dict(_flat({name: declared[name] for name in DECLARED})),
            "features": str(len(features["features"])),
        },
        metrics=dict(_figures(evidence)),
        tags={
            "bedside.version": version.id,
            "bedside.bundle": version.bundle,
            "bedside.snapshot": facts["snapshot"],
            "bedside.declaration": facts["declaration"],
            "bedside.code": facts["code"],
            "bedside.gates": version.gates_in_words.removeprefix("gates "),
            **{
                f"bedside.gate.{number}": f"{'passed' if gate.passed else 'FAILED'}: {gate.text}"
                for number, gate in enumerate(version.gates, 1)
            },
            **({"bedside.imported": facts["imported"]["flavour"]} if "imported" in facts else {}),
        },
        files={name: files[name] for name in FILES},
    )


def _figures(evidence: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Each figure and the ends of its interval; what is suppressed or undefined has none."""
    for prefix, figures in (("", evidence["metrics"]), ("baseline.", evidence["baseline"])):
        for name, figure in figures.items():
            for end in ("estimate", "low", "high"):
                value = figure[end]
                if isinstance(value, int | float) and math.isfinite(value):
                    yield prefix + (name if end == "estimate" else f"{name}_{end}"), float(value)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each leaf of the declaration by its path; what is not declared is left out.

    >>> dict(_flat({"learner": {"kind": "lightgbm", "members": [], "tuning": None}}))
    {'learner.kind': 'lightgbm'}
    """
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _flat(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for number, part in enumerate(value):
            yield from _flat(part, f"{path}.{number}")
    elif value not in (None, [], ""):
        yield path, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _milliseconds(platform: Platform) -> int:
    return round(platform.clock.now().timestamp() * 1000)
