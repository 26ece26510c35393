"""`bedside monitor`: watch what a model in use answers, or compare new data with its reference."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedside.cli.frame import (
    ActorOption,
    JsonOption,
    PurposeOption,
    Workspace,
    guarded,
    opened,
    show,
)

if TYPE_CHECKING:
    from bedside.lifecycle.platform import Platform

__all__ = ["MISSED", "monitor"]

MISSED = 5
"""The exit code of `--check` where a version in use was not watched in time."""
_PURPOSE = "quality and safety"


def monitor(
    model: Annotated[
        str | None, typer.Argument(help="A model's name, or NAME@DIGEST or the start of it.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Compare this folder or file of new data instead."),
    ] = None,
    collected: Annotated[
        bool, typer.Option("--collected", help="Compare what its own source holds now instead.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Every version in use.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only say whether each was watched in time; 5 if not."),
    ] = False,
    baseline: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--baseline",
            metavar="SINCE UNTIL",
            help="First make these days (ISO dates, both in) what it is watched by; say --reason.",
        ),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why these days; sealed.")] = "",
    anew: Annotated[
        bool, typer.Option("--anew", help="Count every day again; alarms stay as they are.")
    ] = False,
    today: Annotated[
        bool, typer.Option("--today", help="Count today too, though it is not over.")
    ] = False,
    window: Annotated[
        str | None,
        typer.Option("--window", help="Judge predictions of so many days until today, e.g. 28d."),
    ] = None,
    month: Annotated[
        str | None, typer.Option("--month", help="Judge predictions of a month, e.g. 2026-10.")
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Watch what a version in use answers: count each day that is over, and raise alarms.

    Run it once a day; it reads only what came since. Then the predictions of the declared window
    are judged by the outcomes that came. With --data or --collected, new data are compared with
    the version's reference instead.
    """
    with guarded(as_json):
        compared = data is not None or collected
        _check_options(model, every, check, baseline is not None, compared)
        _check_days(window, month, other=every or check or compared)
        platform = opened(workspace, actor, purpose or _PURPOSE, as_json)
        if check:
            _checked(platform, model, as_json)
        elif data is not None or collected:
            _compared(platform, model or "", data, as_json)
        elif every:
            _every(platform, as_json, anew=anew, today=today)
        else:
            if baseline is not None:
                _rebased(platform, model or "", baseline, reason, as_json)
            days = None if window is None and month is None else (window, month)
            _one(platform, model or "", as_json, anew=anew, today=today, days=days)


def _check_days(window: str | None, month: str | None, *, other: bool) -> None:
    """Refuse days that are none before anything is counted."""
    from datetime import date  # noqa: PLC0415

    from bedside.core.errors import Invalid  # noqa: PLC0415
    from bedside.monitor.judged.windows import last_days, month_of  # noqa: PLC0415

    if window is not None and month is not None:
        raise Invalid("Two sets of days are given.", fix="say one of --window and --month.")
    if (window is not None or month is not None) and other:
        raise Invalid(
            "These options judge the predictions of one model in use.",
            fix="name a model, and leave --all, --check, --data and --collected out.",
        )
    if month is not None:
        month_of(month)
    if window is not None:
        last_days(window, date(2000, 1, 1))


def _check_options(
    model: str | None, every: bool, check: bool, baseline: bool, compared: bool
) -> None:
    from bedside.core.errors import Invalid  # noqa: PLC0415

    if model is None and not (every or check):
        raise Invalid("No model is named.", fix="name one, or say --all or --check.")
    if model is not None and every:
        raise Invalid("A model is named, and --all too.", fix="say one of the two.")
    if sum((every, check, baseline, compared)) > 1:
        raise Invalid(
            "These options do different things.",
            fix="say one of --all, --check, --baseline, --data and --collected.",
        )


def _one(
    platform: "Platform",
    model: str,
    as_json: bool,
    *,
    anew: bool,
    today: bool,
    days: tuple[str | None, str | None] | None,
) -> None:
    told, words = _watched(platform, model, anew=anew, today=today, days=days)
    _deliver(platform)
    show(told, as_json, lambda: words)


def _watched(
    platform: "Platform",
    model: str,
    *,
    anew: bool,
    today: bool,
    days: tuple[str | None, str | None] | None = None,
) -> tuple[dict[str, Any], str]:
    """A run, what came true, both on the page, in JSON and in words."""
    from dataclasses import asdict  # noqa: PLC0415

    from bedside.cli.monitor_words import live_words  # noqa: PLC0415
    from bedside.cli.performance_words import performance_words  # noqa: PLC0415
    from bedside.lifecycle.live_page import add_performance  # noqa: PLC0415
    from bedside.lifecycle.live_performance import live_performance  # noqa: PLC0415
    from bedside.lifecycle.live_watch import watch_live  # noqa: PLC0415

    watched = watch_live(platform, model, anew=anew, today=today)
    window, month = days or (None, None)
    told = live_performance(
        platform, watched.version, window=window, month=month, by_itself=days is None
    )
    add_performance(platform, Path(watched.page), told)
    words = f"{live_words(watched)}\n\n{performance_words(told)}"
    return asdict(watched) | {"performance": told}, words


def _every(platform: "Platform", as_json: bool, *, anew: bool, today: bool) -> None:
    """One after the other; what cannot be watched keeps no other from it."""
    from bedside.core.errors import BedsideError  # noqa: PLC0415
    from bedside.lifecycle.missed_runs import versions_in_use  # noqa: PLC0415

    done: list[dict[str, Any]] = []
    lines: list[str] = []
    failed: BedsideError | None = None
    for version in versions_in_use(platform):
        try:
            made, words = _watched(platform, version.id, anew=anew, today=today)
        except BedsideError as error:
            failed = failed or error
            told = {"error": error.problem, "fix": error.fix, "code": error.code}
            done.append({"version": version.id} | told)
            lines.append(f"✗ {version.id}: {error}")
        else:
            done.append(made)
            lines.append(words)
    _deliver(platform)
    show({"versions": done}, as_json, lambda: "\n\n".join(lines) or "No version is in use.")
    if failed is not None:
        raise typer.Exit(4)


def _deliver(platform: "Platform") -> None:
    """Tell the sinks; what keeps them from it is said, and undoes nothing."""
    from bedside.core.errors import BedsideError  # noqa: PLC0415
    from bedside.wiring.alarm_sinks import deliver_all  # noqa: PLC0415

    try:
        done = deliver_all(platform)
    except BedsideError as error:
        print(f"Nobody was told of alarms: {error}", file=sys.stderr)
        return
    if done.later or done.dead:
        print("A sink was not told of every alarm. See: bedside alarm sinks", file=sys.stderr)


def _checked(platform: "Platform", model: str | None, as_json: bool) -> None:
    from dataclasses import asdict  # noqa: PLC0415

    from bedside.cli.monitor_words import attended_words  # noqa: PLC0415
    from bedside.lifecycle.missed_runs import check_runs  # noqa: PLC0415

    found = check_runs(platform, model)
    show({"versions": [asdict(one) for one in found]}, as_json, lambda: attended_words(found))
    if any(one.missed for one in found):
        raise typer.Exit(MISSED)


def _rebased(
    platform: "Platform", model: str, days: tuple[str, str], reason: str, as_json: bool
) -> None:
    from bedside.lifecycle.baselines import set_baseline  # noqa: PLC0415
    from bedside.lifecycle.hazards import version_in_use  # noqa: PLC0415

    version = version_in_use(platform, model)
    made = set_baseline(platform, version.id, *days, reason=reason).baseline
    if not as_json:
        print(f"Watched from now on by {made.made_from}: {made.subjects:,} patients.")


def _compared(platform: "Platform", version: str, data: Path | None, as_json: bool) -> None:
    from bedside.cli.words import watched_words  # noqa: PLC0415
    from bedside.lifecycle.respond import watch  # noqa: PLC0415

    report, page = watch(platform, version, data)
    show({**report, "page": str(page)}, as_json, lambda: watched_words(report, page))
