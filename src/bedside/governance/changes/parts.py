"""What one version is made of, as far as a plan of changes speaks of it; and what changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bedside.core.records.change_control import ChangePart
from bedside.core.records.version import GateResult

__all__ = ["Change", "Side", "changes_between"]

_READ = ("input", "static")
_ABSENT = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two versions.

    Args:
        id: Of the version.
        declared: Its declaration, as `declaration.json` says it.
        evidence: As `evidence.json` says it.
        features: Names of the features, in the order of the columns.
        snapshot: Digest of the data.
        model: Digest of what was learnt, apart from its calibration.
        calibration: Digest of the calibration.
        software: Digest of Bedside's source, and the version of each library.
        gates: As they were judged at the build.
        built_at: When, ISO 8601.
    """

    id: str
    declared: Mapping[str, Any]
    evidence: Mapping[str, Any]
    features: tuple[str, ...]
    snapshot: str
    model: str
    calibration: str
    software: Mapping[str, str]
    gates: tuple[GateResult, ...]
    built_at: str

    @property
    def threshold(self) -> Any:
        """Where it alerts: one value, and those of groups."""
        return self.evidence.get("threshold")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is otherwise.

    Args:
        part: What kind of thing; None: nothing that any plan can cover.
        place: Where in the declaration, or which file.
        text: What is otherwise, in words.
        parameter: For a parameter of the learner: its name, and `value` what it is now.
    """

    part: ChangePart | None
    place: str
    text: str
    parameter: str | None = None
    value: Any = field(default=None, compare=False)


def changes_between(parent: Side, new: Side) -> tuple[Change, ...]:
    """Everything that is otherwise in the new version, what no plan can cover first."""
    found = [*_declared(parent, new), *_learnt(parent, new)]
    return tuple(sorted(found, key=lambda one: one.part is not None))


def _declared(parent: Side, new: Side) -> Iterator[Change]:
    before, after = parent.declared, new.declared
    for key in sorted({*before, *after}):
        old, now = before.get(key, _ABSENT), after.get(key, _ABSENT)
        if old == now:
            continue
        if key == "signals" and isinstance(old, Mapping) and isinstance(now, Mapping):
            yield from _signals(old, now)
        elif key == "learner" and isinstance(old, Mapping) and isinstance(now, Mapping):
            yield from _learner(old, now)
        elif key == "evaluation" and isinstance(old, Mapping) and isinstance(now, Mapping):
            yield from _evaluation(old, now)
        elif key == "features":
            yield Change(part="features", place=key, text="the rules of the features are others")
        else:
            yield Change(part=None, place=key, text=f"'{key}' of the declaration is another")


def _signals(old: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """An input that is new or gone is a change of features; one that means another thing is not."""
    for name in sorted({*old, *now}):
        if name in old and name in now:
            if old[name] != now[name]:
                place = f"signals.{name}"
                yield Change(part=None, place=place, text=f"signal '{name}' is declared otherwise")
            continue
        one = old.get(name) or now[name]
        part: ChangePart | None = "features" if one.get("role") in _READ else None
        what = "is new" if name in now else "is gone"
        yield Change(part=part, place=f"signals.{name}", text=f"signal '{name}' {what}")


def _learner(old: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    for key in sorted({*old, *now} - {"parameters"}):
        if old.get(key) == now.get(key):
            continue
        part: ChangePart | None = "learner" if key == "rounds" else None
        yield Change(
            part=part,
            place=f"learner.{key}",
            text=f"{key} of the learner: {old.get(key)}, then {now.get(key)}",
            parameter=key if part else None,
            value=now.get(key),
        )
    before, after = old.get("parameters", {}), now.get("parameters", {})
    for name in sorted({*before, *after}):
        if before.get(name, _ABSENT) != after.get(name, _ABSENT):
            told = after.get(name, "none"), before.get(name, "none")
            yield Change(
                part="learner",
                place=f"learner.parameters.{name}",
                text=f"parameter {name} of the learner: {told[1]}, then {told[0]}",
                parameter=name,
                value=after.get(name),
            )


def _evaluation(old: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    for key in sorted({*old, *now}):
        if old.get(key) != now.get(key):
            part: ChangePart | None = "threshold" if key == "threshold" else None
            place = f"evaluation.{key}"
            yield Change(part=part, place=place, text=f"'{place}' of the declaration is another")


def _learnt(parent: Side, new: Side) -> Iterator[Change]:
    if parent.software != new.software:
        keys = sorted({*parent.software, *new.software})
        told = [one for one in keys if parent.software.get(one) != new.software.get(one)]
        text = f"made with other software: {', '.join(told)}"
        yield Change(part="software", place="software", text=text)
    if parent.features != new.features:
        added, gone = _moved(parent, new)
        text = f"{len(added)} features added, {len(gone)} removed"
        yield Change(part="features", place="features.json", text=text)
    pairs: tuple[tuple[ChangePart, Any, Any, str], ...] = (
        ("data", parent.snapshot, new.snapshot, "it was made of other data"),
        ("model", parent.model, new.model, "what was learnt is another"),
        ("calibration", parent.calibration, new.calibration, "the calibration is another"),
        ("threshold", parent.threshold, new.threshold, _alerts(parent, new)),
    )
    for part, before, after, text in pairs:
        if before != after:
            yield Change(part=part, place=part, text=text)


def _moved(parent: Side, new: Side) -> tuple[set[str], set[str]]:
    return set(new.features) - set(parent.features), set(parent.features) - set(new.features)


def _alerts(parent: Side, new: Side) -> str:
    old, now = ((one.threshold or {}).get("value") for one in (parent, new))
    return f"the alert threshold: {_risk(old)}, then {_risk(now)}"


def _risk(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "none"
