"""A challenger against the champion: judged on the same patients, and held against the plan."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bedside.core.errors import BedsideError, Refused
from bedside.core.ids import canonical_json, digest_of
from bedside.core.records.change_control import ChangeLimit, Modification
from bedside.core.records.version import ModelVersion, Stage
from bedside.governance.changes.verdict import Verdict
from bedside.lifecycle.change_control import allowed_change, modification_of, verdict_told
from bedside.lifecycle.comparing import compare_patients
from bedside.lifecycle.familiar import learnt_from
from bedside.lifecycle.intake import Intake, SourceIntake
from bedside.lifecycle.patients import Patients, new_intake, new_patients
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import approve, open_bundle, release
from bedside.metrics.names import METRICS

__all__ = [
    "Challenge",
    "Outcome",
    "challenge",
    "compared_with",
    "outside_words",
    "planned_meaning",
    "worse_than",
]

Outcome = Literal["silent", "waits", "refused"]
TRADED = frozenset({"sensitivity", "specificity", "ppv", "npv", "nne", "alert_rate"})
"""What a threshold trades against one another: a risk that is a little higher everywhere makes one
of them surely worse and another better."""
SAME = "the same recent patients, from whom neither has learnt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What became of a new version.

    Args:
        version: The challenger.
        parent: The champion.
        outcome: `silent`: it answers beside the champion; `waits`: for a person; `refused`: it
            stays as it was built.
        why: Each reason, in words.
        verdict: Of the champion's plan of changes; None where a gate failed before.
        comparison: Of both on the same patients, as `compare_patients` tells it; None: there is
            none, for the reason under `why`.
        page: The page of the comparison.
        stage: Where the challenger stands.
    """

    version: str
    parent: str
    outcome: Outcome
    why: tuple[str, ...]
    verdict: Verdict | None
    comparison: Mapping[str, Any] | None
    page: Path | None
    stage: Stage


def challenge(
    platform: Platform,
    new: ModelVersion,
    champion: ModelVersion,
    data: Path | None,
    *,
    same_ranking: bool = False,
) -> Challenge:
    """Judge a new version against the one in use, and let it answer in silence if the plan does.

    It is refused where a gate of the build failed or where it is worse than the champion on the
    same patients. Inside a planned modification that is made automatically it is approved for
    silence on the strength of the plan, and released to it; else it waits for a person. Where
    roles count, people sign: the plan alone lets nothing go on, unless the policies let who acts
    approve and release.

    Args:
        platform: The workspace.
        new: The challenger, as it was built.
        champion: The version in use, whose plan of changes counts.
        data: Where both find recent patients; None: the collected source.
        same_ranking: It is the champion recalibrated, which was judged out of fold instead.
    """
    why = [f"gate '{one.metric}' failed: {one.text}" for one in new.gates if not one.passed]
    if why:
        return _told(platform, new, champion, "refused", why)
    comparison, page, unknown = None, None, ""
    if not same_ranking:
        comparison, page, unknown = compared_with(platform, new, champion, data)
    verdict = allowed_change(platform, new.id, champion.id, decides=True)
    planned = modification_of(platform, verdict)
    limits = planned.protocol.evaluation.compare if planned is not None else ()
    worse = [] if comparison is None else worse_than(_differences(comparison), limits)
    outcome: Outcome = "waits"
    if worse:
        outcome, why = "refused", worse
    elif unknown:
        why = [unknown]
    elif planned is None or planned.made != "automatic":
        why = outside_words(verdict, planned)
    else:
        outcome, why = _in_silence(platform, new, champion, planned, verdict)
    return _told(platform, new, champion, outcome, why, verdict, comparison, page)


def compared_with(
    platform: Platform, new: ModelVersion, champion: ModelVersion, data: Path | None
) -> tuple[Mapping[str, Any] | None, Path | None, str]:
    """The comparison on patients from whom neither has learnt, its page, and why there is none."""
    try:
        with platform.lock():
            seen = [_recent(platform, one, data) for one in (champion, new)]
            for version in (champion, new):
                learnt = learnt_from(platform, version, seen[0])
                seen = [_without(one, learnt.to_list()) for one in seen]
            found = compare_patients(platform, [champion, new], seen, SAME)
    except BedsideError as error:
        if error.code in ("workspace_busy", "disk_full"):
            raise
        return None, None, f"the two could not be compared on the same patients: {error.problem}"
    return found.document, found.page, ""


def worse_than(
    differences: Mapping[str, Mapping[str, Any]], limits: Iterable[ChangeLimit] = ()
) -> list[str]:
    """Where a challenger does worse than the champion on the same patients, in words.

    Surely worse counts of every metric but those that a threshold trades against one another
    (`TRADED`), which count where the plan names them; net benefit tells of both sides.

    Args:
        differences: Challenger less champion by metric, as `Estimate.as_json`.
        limits: Of the plan: how far a metric may fall or rise.

    >>> worse_than({"auroc": {"estimate": -0.04, "low": -0.07, "high": -0.01}})
    ['AUROC is surely worse on the same patients: -0.040 (-0.070 to -0.010)']
    >>> worse_than({"auroc": {"estimate": -0.04, "low": -0.07, "high": 0.01}})
    []
    >>> worse_than({"specificity": {"estimate": -0.01, "low": -0.02, "high": -0.001}})
    []
    """
    limits = tuple(limits)
    passed_over = TRADED - {limit.metric for limit in limits}
    told = [
        f"{METRICS[name].title} is surely worse on the same patients: {_interval(one)}"
        for name, one in differences.items()
        if name in METRICS and name not in passed_over and _surely_worse(METRICS[name].better, one)
    ]
    for limit in limits:
        one = differences.get(limit.metric)
        if limit.subgroup is not None or one is None or one.get("estimate") is None:
            continue
        apart = float(one["estimate"])
        fell = limit.falls_at_most is not None and -apart > limit.falls_at_most
        rose = limit.rises_at_most is not None and apart > limit.rises_at_most
        if fell or rose:
            way = "falls" if fell else "rises"
            most = limit.falls_at_most if fell else limit.rises_at_most
            told.append(
                f"{METRICS[limit.metric].title} {way} by {abs(apart):.3f} on the same patients; "
                f"the plan allows {most:g}"
            )
    return told


def outside_words(verdict: Verdict, planned: Modification | None) -> list[str]:
    """Why a verdict does not let a version go on by itself."""
    if planned is not None:
        return [f"the planned modification '{planned.id}' is made by people, not by itself"]
    if verdict.standing != "outside":
        told = {
            "described": "the plan of changes is in sentences, which nothing can be judged by",
            "unplanned": "the version in use plans no change",
            "unchanged": "nothing has changed",
        }
        return [told[verdict.standing]]
    nearest = verdict.considered[:1]
    broken = [x.text for one in nearest for x in one.criteria if not x.met]
    uncovered = [text for one in nearest for text in one.uncovered]
    where = nearest[0].modification if nearest else ""
    return [f"outside the planned modification '{where}': {text}" for text in uncovered + broken]


def planned_meaning(planned: Modification, verdict: Verdict) -> str:
    """What an approval on the strength of a plan means; kept in the ledger."""
    return (
        f"planned modification '{planned.id}' of {verdict.parent}, made automatically and inside "
        f"its bounds (verdict {digest_of(verdict_told(verdict))[:12]})"
    )


def _in_silence(
    platform: Platform,
    new: ModelVersion,
    champion: ModelVersion,
    planned: Modification,
    verdict: Verdict,
) -> tuple[Outcome, list[str]]:
    """Approve and release to silence; each step is taken once, however often this is called."""
    ground = planned_meaning(planned, verdict)
    try:
        if platform.registry.get(new.id).stage is Stage.BUILT:
            approve(platform, new.id, name=f"plan of {champion.id}", meaning=ground)
        if platform.registry.get(new.id).stage is Stage.APPROVED:
            release(platform, new.id, Stage.SILENT)
    except Refused as refused:
        return "waits", [f"{ground}; a person must sign: {refused.problem}"]
    if platform.registry.get(new.id).stage is not Stage.SILENT:
        return "waits", [f"{ground}; a person must sign: bedside decision list"]
    return "silent", [ground]


def _told(
    platform: Platform,
    new: ModelVersion,
    champion: ModelVersion,
    outcome: Outcome,
    why: list[str],
    verdict: Verdict | None = None,
    comparison: Mapping[str, Any] | None = None,
    page: Path | None = None,
) -> Challenge:
    """The outcome, after the ledger has its full account."""
    account = {
        "comparison": comparison,
        "verdict": None if verdict is None else verdict_told(verdict),
    }
    details = {
        "version": new.id,
        "parent": champion.id,
        "outcome": outcome,
        "why": why,
        "standing": None if verdict is None else verdict.standing,
        "modification": None if verdict is None else verdict.modification,
        "comparison": None if comparison is None else digest_of(comparison),
        "account": digest_of(account),
    }
    platform.ledger.append(
        platform.actor, "retrain.judged", details, sealed=canonical_json({"account": account})
    )
    return Challenge(
        version=new.id,
        parent=champion.id,
        outcome=outcome,
        why=tuple(why),
        verdict=verdict,
        comparison=comparison,
        page=page,
        stage=platform.registry.get(new.id).stage,
    )


def _recent(platform: Platform, version: ModelVersion, data: Path | None) -> Patients:
    """Everybody in the data of now, as a version sees them."""
    bundle = open_bundle(platform, version)
    intake: Intake
    if bundle.declaration.data.source:
        named = replace(bundle.declaration, name=f"{bundle.declaration.name}/recent")
        intake = SourceIntake(platform=platform, declaration=named)
    else:
        intake = new_intake(platform, bundle, data)
    return new_patients(platform, bundle, intake)


def _without(patients: Patients, learnt: list[int]) -> Patients:
    others = ~patients.asked["subject_id"].is_in(learnt)
    if not others.any():
        raise Refused(
            "One of the two has learnt from every one of these patients.",
            fix="bring the data of others.",
            code="nobody_new",
        )
    return patients.taken(others.to_numpy())


def _differences(comparison: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {name: one["difference"] for name, one in comparison["metrics"].items()}


def _surely_worse(better: str | None, told: Mapping[str, Any]) -> bool:
    low, high = told.get("low"), told.get("high")
    if low is None or high is None:
        return False
    return bool((better == "high" and high < 0) or (better == "low" and low > 0))


def _interval(told: Mapping[str, Any]) -> str:
    return f"{told['estimate']:.3f} ({told['low']:.3f} to {told['high']:.3f})"
