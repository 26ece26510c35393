"""Go, recalibrate or no-go: what decides, in an order that a reader can follow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bedside.core.records.declaration import Gate
from bedside.develop.evaluate.gates import judge
from bedside.develop.evaluate.onboarding import Found

__all__ = ["ENOUGH", "Reason", "Verdict", "decided"]

ENOUGH = 100
"""Patients with the outcome, and without it, from which on an external validation is stable.

Source: Collins, Ogundimu & Altman, Stat Med 2016;35:214-226; Vergouwe et al., J Clin Epidemiol
2005;58:475-483.
"""
_FAIR = (0.8, 1.25)
"""Expected over observed: within these, risks are near enough where no gate says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason for the verdict, and what to do."""

    text: str
    do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`go`: validate, approve and begin in silence. `recalibrate`: that first. `no-go`: not now."""

    word: Literal["go", "recalibrate", "no-go"]
    reasons: tuple[Reason, ...]


def decided(
    found: Sequence[Found],
    gates: tuple[Gate, ...],
    measured: Mapping[str, Any],
    expected: Mapping[str, Any],
) -> Verdict:
    """The verdict.

    It is no-go where a feed on which the model relies is lost or in another unit, where nothing
    could be measured, or where a gate fails that recalibration would not mend; recalibrate where
    that would mend it, or where risks are far from what came true; go otherwise.

    Args:
        found: What is wrong with the feeds.
        gates: Of the declaration.
        measured: The evidence on the site's patients; `why` where there is none.
        expected: The AUROC to expect, as an estimate.
    """
    stops = [Reason(text=one.text, do=one.do) for one in found if one.stops]
    if stops:
        return Verdict(word="no-go", reasons=tuple(stops))
    if "why" in measured:
        return Verdict(word="no-go", reasons=(_unmeasured(measured["why"], expected),))
    failed = [(gate, one) for gate, one in zip(gates, judge(gates, measured), strict=True)
              if not one.passed]  # fmt: skip
    if failed:
        after = _recalibrated(measured)
        mended = [judge((gate,), after)[0].passed for gate, _ in failed]
        if all(mended):
            reasons = tuple(_mendable(one.text) for _, one in failed)
            return Verdict(word="recalibrate", reasons=reasons)
        return Verdict(
            word="no-go",
            reasons=tuple(
                _beyond(one.text) for (_, one), well in zip(failed, mended, strict=True) if not well
            ),
        )
    off = list(_off(measured["metrics"]))
    if off:
        return Verdict(word="recalibrate", reasons=tuple(off))
    return Verdict(word="go", reasons=tuple(_go(gates, measured)))


def _recalibrated(measured: Mapping[str, Any]) -> dict[str, Any]:
    """The evidence as it would be after the recalibration that is advised."""
    told = measured["recalibration"]
    after = told.get(told["advised"], {})
    figures = {} if "why" in after else after
    return {**measured, "metrics": {**measured["metrics"], **figures}}


def _unmeasured(why: str, expected: Mapping[str, Any]) -> Reason:
    hope = (
        ""
        if expected["estimate"] is None
        else f" An AUROC of {expected['estimate']:.2f} is to be expected if outcomes here depend "
        "on the features as they did at the build; that is a hope, not a measurement."
    )
    return Reason(
        text=f"How the model does here could not be measured: {why}{hope}",
        do="collect outcomes of more patients, then run this again.",
    )


def _mendable(text: str) -> Reason:
    return Reason(
        text=f"A gate fails as the model is, and holds once it is recalibrated: {text}.",
        do="run bedside recalibrate, then bedside site validate on the version that it makes.",
    )


def _beyond(text: str) -> Reason:
    return Reason(
        text=f"A gate fails that recalibration would not mend: {text}.",
        do="tell the hub; the model has to be built with patients like these.",
    )


def _off(metrics: Mapping[str, Any]) -> Iterator[Reason]:
    ratio = metrics.get("expected_observed_ratio", {})
    if ratio.get("low") is None or _FAIR[0] <= ratio["estimate"] <= _FAIR[1]:
        return
    if ratio["low"] <= 1 <= ratio["high"]:
        return
    yield Reason(
        text=f"Risks are too {'high' if ratio['estimate'] > 1 else 'low'}: "
        f"{ratio['estimate']:.2f} outcomes are predicted for each that came "
        f"({ratio['low']:.2f} to {ratio['high']:.2f}).",
        do="run bedside recalibrate, then bedside site validate on the version that it makes.",
    )


def _go(gates: tuple[Gate, ...], measured: Mapping[str, Any]) -> Iterator[Reason]:
    yield Reason(
        text="No feed that the model relies on is lost or in another unit, and "
        + ("every gate holds on this site's patients." if gates else "its risks are near enough."),
        do="run bedside site validate, let a named person approve it, and begin in silence.",
    )
    if not gates:
        yield Reason(
            text="The declaration has no gate, so nothing says what is good enough.",
            do="whoever approves it reads the figures and judges alone.",
        )
    few = measured.get("few", "")
    if few:
        yield Reason(text=few, do="run this again when there are more, before it is shown to all.")
