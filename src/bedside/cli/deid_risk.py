"""`bedside deid risk`: how easily somebody can be found in what is released."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    from bedside.lifecycle.deid_risk import Measured

__all__ = ["risk"]


def risk(
    source: Annotated[
        str, typer.Argument(help="A data set, or a CSV or Parquet file with a row for each person.")
    ],
    quasi: Annotated[
        str,
        typer.Option(
            "--quasi",
            help="What somebody outside could know: columns or, of a data set, sex, age, "
            "birth_year, first_year and codes; with commas between.",
        ),
    ],
    sensitive: Annotated[
        str, typer.Option("--sensitive", help="What they must not learn; with commas between.")
    ] = "",
    k: Annotated[int, typer.Option("--k", min=2, help="How many people must look alike.")] = 11,
    may_leave_out: Annotated[
        float, typer.Option("--may-leave-out", help="Share of people a suggestion may leave out.")
    ] = 0.05,
    subject: Annotated[
        str,
        typer.Option(
            "--subject", help="Of a file where a person has several rows: who. The first counts."
        ),
    ] = "",
    population: Annotated[
        Path | None, typer.Option("--population", help="A file with all people they are part of.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the report on a file.")
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the risk that is left, suggest what to coarsen, draft an expert's dossier."""
    with guarded(as_json):
        from bedside.privacy.risk.report import RiskQuestion  # noqa: PLC0415

        question = RiskQuestion(
            quasi=_named(quasi), sensitive=_named(sensitive), k=k, may_leave_out=may_leave_out
        )
        if Path(source).is_file():
            from bedside.wiring.deid_files import measure  # noqa: PLC0415

            done = measure(Path(source), out, question, subject, population)
        else:
            from bedside.lifecycle.deid_risk import measure_data  # noqa: PLC0415

            platform = opened(workspace, actor, purpose or "de-identification", as_json)
            done = measure_data(platform, source, question)
        show(
            {**done.report, "page": str(done.page), "dossier": str(done.dossier)},
            as_json,
            lambda: _words(done),
        )


def _named(words: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in words.split(",") if one.strip())


def _words(done: "Measured") -> str:
    told = done.report
    attacks = told["attacks"]
    lines = [
        f"k = {told['k']} by {', '.join(told['quasi'])}: {told['classes']:,} classes, "
        f"{told['unique']:.1%} of the people look like nobody else.",
        f"Chances: prosecutor {attacks['prosecutor']:.1%}, journalist "
        f"{attacks['journalist']:.1%}, marketer {attacks['marketer']:.1%}.",
    ]
    lines += [
        f"{one['column']}: distinct l {one['distinct_l']}, entropy l {one['entropy_l']:.2f}, "
        f"t {one['t']:.2f}."
        for one in told["sensitive"]
    ]
    if told["suggestions"]:
        best = told["suggestions"][0]
        how = ", ".join(f"{name}: {words}" for name, words in best["columns"].items())
        lines.append(f"Enough would be: {how} (k = {best['k']}, {best['left_out']:.1%} left out).")
    lines += [f"The report: {done.page}", f"Draft for an expert: {done.dossier}"]
    return "\n".join(lines)
