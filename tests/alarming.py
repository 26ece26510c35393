"""Alarms for tests: a version, its findings, and a workspace that knows it."""

from pathlib import Path

from bedside.core.records.version import ModelVersion, Stage
from bedside.core.records.watch import Finding
from bedside.lifecycle.platform import Platform
from bedside.monitor.causes.drafts import AlarmDraft
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

__all__ = ["TOLD", "VERSION", "a_draft", "a_finding", "an_alarming_platform"]

TOLD = "Mrs Nobody of bed 7 had no creatinine"
VERSION = ModelVersion(
    id="m@000000000000",
    name="m",
    bundle="0" * 64,
    stage=Stage.BUILT,
    built_at="2026-01-01T00:00:00.000000Z",
    gates=(),
)


def an_alarming_platform(folder: Path) -> Platform:
    """A workspace in which Ada watches `VERSION`."""
    actor = actor_of("user:ada", "quality and safety")
    made = open_workspace(folder, actor=actor, progress=LineProgress())
    made.registry.add(VERSION)
    return made


def a_finding(stream: str = "missing:creatinine.last", **changes: object) -> Finding:
    """A feed that was lost."""
    told = {
        "stream": stream,
        "kind": "input",
        "side": "up",
        "signal": "creatinine",
        "group": None,
        "since": "2026-02-27",
        "log_evidence": 9.0,
        "bar": 7.0,
        "then": 0.1,
        "now": 0.9,
        "n": 240,
        "text": "creatinine is missing more often",
    }
    return Finding(**(told | changes))


def a_draft(*findings: Finding, **changes: object) -> AlarmDraft:
    """An alarm about it that is not raised yet; of another key, about another stream."""
    about = [a_finding(f"missing:{changes['key']}")] if "key" in changes else [a_finding()]
    told = {
        "key": "feed_lost creatinine",
        "kind": "input",
        "severity": "medium",
        "cause": "feed_lost",
        "onset": "2026-02-27",
        "text": "Creatinine stopped coming on 27 February.",
        "signals": ("creatinine",),
        "findings": findings or tuple(about),
    }
    return AlarmDraft(**(told | changes))
