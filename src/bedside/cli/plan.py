"""`bedside plan`: how many server processes and how much disk a load needs, by measuring."""

from typing import TYPE_CHECKING, Annotated

import typer

from bedside.cli.frame import JsonOption, Workspace, guarded, opened, show

if TYPE_CHECKING:
    from bedside.wiring.planning import Plan

__all__ = ["plan"]


def plan(
    version: Annotated[str, typer.Argument(help="NAME@DIGEST, or a model's name.")],
    requests_per_day: Annotated[
        float, typer.Option("--requests-per-day", help="On an ordinary day.")
    ],
    peak_factor: Annotated[
        float, typer.Option("--peak-factor", help="The busiest second, by the mean one.")
    ] = 10.0,
    history_years: Annotated[
        float, typer.Option("--history-years", help="How long the ledger is kept.")
    ] = 10.0,
    seconds: Annotated[float, typer.Option("--seconds", min=0.5, help="Of load.")] = 5.0,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """Load a version on this machine for a few seconds, and say what a hospital's load needs."""
    with guarded(as_json):
        from bedside.wiring import planning  # noqa: PLC0415

        platform = opened(workspace, None, "capacity planning", as_json)
        measured = planning.measure(platform, version, seconds=seconds)
        made = planning.plan_of(
            measured,
            requests_per_day=requests_per_day,
            peak_factor=peak_factor,
            history_years=history_years,
        )
        show(planning.as_json(made), as_json, lambda: plan_words(made, history_years))


def plan_words(plan: "Plan", years: float) -> str:
    """The plan in a few sentences."""
    seen = plan.measured
    cores = "" if plan.enough_cores else " This machine has too few cores for that."
    return (
        f"Measured on this machine ({seen.cores} cores, which the client shared): one server "
        f"process gave {seen.answers_per_second:,.0f} answers a second of {seen.version}, half of "
        f"them within {seen.p50_ms:.1f} ms and 99 in 100 within {seen.p99_ms:.1f} ms, 16 asked at "
        f"once ({seen.answers:,} answers, each: {seen.outcome}).\n"
        f"Workers: {plan.workers}, for {plan.peak_per_second:,.2f} questions in the busiest "
        f"second; together they carry {plan.headroom:,.1f} times that.{cores}\n"
        f"Memory: {plan.memory_bytes / 2**20:,.0f} MiB ({seen.memory_bytes / 2**20:,.0f} MiB each)."
        f"\nDisk of the ledger: {plan.disk_bytes_per_year / 1e9:,.2f} GB a year "
        f"({seen.ledger_bytes_per_answer:,.0f} bytes an answer), {plan.disk_bytes / 1e9:,.2f} GB "
        f"in {years:g} years. It was measured on SQLite."
    )
