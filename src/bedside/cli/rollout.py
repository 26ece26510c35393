"""`bedside approve`, `release`, `rollout`, `rollback`, `hold`: how a version reaches patients."""

from typing import TYPE_CHECKING, Annotated

import typer

from bedside.cli.frame import (
    ActorOption,
    JsonOption,
    PurposeOption,
    Version,
    Workspace,
    guarded,
    opened,
    show,
    show_done,
)
from bedside.cli.passphrases import PassphraseFd, PassphraseFile

if TYPE_CHECKING:
    from bedside.core.records.rollout import Canary
    from bedside.core.records.version import Stage
    from bedside.lifecycle.platform import Platform

__all__ = ["approve", "hold", "release", "rollback", "rollout"]

Model = Annotated[str, typer.Argument(help="A model's name, or one of its versions.")]
WithoutEvidence = Annotated[
    str | None,
    typer.Option(
        "--without-evidence",
        help="Why the step is taken though the live gates have not passed; kept in the ledger.",
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the ledger.")]


def approve(
    version: Version,
    name: Annotated[str, typer.Option("--name", help="Your printed name.")],
    meaning: Annotated[str, typer.Option("--meaning", help="What your approval means.")],
    step: Annotated[
        str,
        typer.Option("--for", help="silent (by the build's gates), canary or live (by live ones)."),
    ] = "silent",
    without_evidence: WithoutEvidence = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign your approval of one step of a version that passed its gates.

    Where roles count you sign with a key of your own, whose passphrase is asked for, and the step
    is approved once every signature is there that its decision needs.
    """
    with guarded(as_json):
        from bedside.cli.passphrases import hand_for  # noqa: PLC0415
        from bedside.cli.rollout_words import approved_words  # noqa: PLC0415
        from bedside.lifecycle.release import approve as verb  # noqa: PLC0415
        from bedside.lifecycle.step_decisions import decision_of  # noqa: PLC0415

        stage = _stage(step, ("silent", "canary", "live"))
        platform = opened(workspace, actor, purpose or "approval", as_json)
        done = verb(
            platform,
            version,
            name=name,
            meaning=meaning,
            step=stage,
            without_evidence=without_evidence,
            hand=hand_for(platform, passphrase_file, passphrase_fd),
        )
        decision, waits = decision_of(platform, done, stage)
        yes = done.approved_for(stage)
        evidence = None if yes is None else yes.evidence
        show(
            {
                "version": done.id,
                "stage": done.stage.value,
                "step": stage.value,
                "evidence": evidence,
                "decision": decision,
                "waits_for": waits,
            },
            as_json,
            lambda: (
                approved_words(done, stage, name, meaning)
                if waits is None
                else f"{name} has signed: {meaning}. {done.id} is not approved for {stage} yet; "
                f"{waits}.\nNext, another person: bedside decision sign {decision}"
            ),
        )


def release(
    version: Version,
    stage: Annotated[str, typer.Option("--stage", help="silent, canary, live or retired.")],
    share: Annotated[
        float | None, typer.Option("--share", help="Of the patients who see it in canary, 0 to 1.")
    ] = None,
    ward: Annotated[
        list[str] | None,
        typer.Option("--ward", help="Everybody there sees it in canary; several times."),
    ] = None,
    without_evidence: WithoutEvidence = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move an approved version to silent, canary, live or retired, judged by its live answers."""
    with guarded(as_json):
        from bedside.cli.rollout_words import released_words  # noqa: PLC0415
        from bedside.lifecycle.release import release as verb  # noqa: PLC0415

        to = _stage(stage, ("silent", "canary", "live", "retired"))
        terms = _canary(to, share, ward)
        platform = opened(workspace, actor, purpose or "release", as_json)
        done = verb(platform, version, to, canary=terms, without_evidence=without_evidence)
        running = [one for one in platform.registry.releases() if one.version == done.id]
        canary = running[0].canary if running else None
        show(
            {
                "version": done.id,
                "stage": done.stage.value,
                "canary": None
                if canary is None
                else {"share": canary.share, "wards": list(canary.wards)},
            },
            as_json,
            lambda: released_words(done, canary),
        )


def rollout(
    model: Model,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Judge the guards again and again; act on what breaks one."),
    ] = False,
    every: Annotated[float, typer.Option("--every", help="Seconds between two looks.")] = 5.0,
    times: Annotated[
        int | None, typer.Option("--times", help="Look so often, then stop.", show_default=False)
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where each version of a model is, what it shows there, and how it compares."""
    with guarded(as_json):
        from bedside.cli.rollout_words import rollout_words  # noqa: PLC0415
        from bedside.lifecycle.rollout import rollout_of  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "quality and safety", as_json)
        if watch:
            _watch(platform, model, every, times, as_json)
            return
        told = rollout_of(platform, model)
        show(told, as_json, lambda: rollout_words(told, platform.clock.now()))


def rollback(
    model: Model,
    reason: Reason = "no reason given",
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back what clinicians see of a model: the version in canary, else the live one."""
    with guarded(as_json):
        from bedside.cli.rollout_words import taken_back_words  # noqa: PLC0415
        from bedside.lifecycle.rollout import rollback as verb  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "quality and safety", as_json)
        done = verb(platform, model, reason=reason)
        show_done(done, as_json, taken_back_words)


def hold(
    model: Model,
    reason: Reason = "no reason given",
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send the version in canary back into silence."""
    with guarded(as_json):
        from bedside.cli.rollout_words import taken_back_words  # noqa: PLC0415
        from bedside.lifecycle.rollout import hold as verb  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "quality and safety", as_json)
        done = verb(platform, model, reason=reason)
        show_done(done, as_json, taken_back_words)


def _stage(text: str, known: tuple[str, ...]) -> "Stage":
    from bedside.core.errors import Invalid  # noqa: PLC0415
    from bedside.core.records.version import Stage  # noqa: PLC0415

    if text not in known:
        raise Invalid("There is no such stage.", fix=f"use {', '.join(known[:-1])} or {known[-1]}.")
    return Stage(text)


def _canary(to: "Stage", share: float | None, wards: list[str] | None) -> "Canary | None":
    """Who sees a canary, where that is said on the command line."""
    from bedside.core.errors import Invalid  # noqa: PLC0415
    from bedside.core.records.rollout import Canary  # noqa: PLC0415
    from bedside.core.records.version import Stage  # noqa: PLC0415

    if share is None and not wards:
        return None
    if to is not Stage.CANARY:
        raise Invalid(
            "--share and --ward say who sees a version in canary.",
            fix="remove them, or use --stage canary.",
        )
    if share is not None and not 0 <= share <= 1:
        raise Invalid("The share is not between 0 and 1.", fix="write 0.1 for a tenth.")
    return Canary(share=0.0 if share is None else share, wards=tuple(wards or ()))


def _watch(
    platform: "Platform", model: str, every: float, times: int | None, as_json: bool
) -> None:
    import time  # noqa: PLC0415
    from dataclasses import asdict  # noqa: PLC0415

    from bedside.cli.rollout_words import fired_words, guards_words  # noqa: PLC0415
    from bedside.core.errors import Invalid  # noqa: PLC0415
    from bedside.lifecycle.rollout import judge_guards, watch_guards  # noqa: PLC0415

    if every <= 0 or (times is not None and times < 1):
        raise Invalid("That is no watch.", fix="give --every and --times above 0.")
    name, looked = platform.registry.get(model).name, 0
    while times is None or looked < times:
        if looked:
            time.sleep(every)
        looked += 1
        fired = watch_guards(platform, name)
        judged = judge_guards(platform, name)
        show(
            {
                "fired": [asdict(one) for one in fired],
                "guards": [
                    {"version": one.version, "state": one.result.state, "text": one.result.text}
                    for one in judged
                ],
            },
            as_json,
            lambda: "\n".join(
                [*map(fired_words, fired), guards_words(judged, platform.clock.now())]  # noqa: B023
            ),
        )
