"""`bedside deid label`: a page on which people mark what identifies somebody."""

from pathlib import Path
from typing import Annotated

import typer

from bedside.cli.deid_certify import DataSet
from bedside.cli.frame import PurposeOption, Workspace, guarded, opened

__all__ = ["label"]


def label(
    dataset: DataSet,
    reader: Annotated[
        str, typer.Option("--reader", help="Who reads; where roles count, your own name.")
    ],
    blind: Annotated[bool, typer.Option("--blind", help="Show no suggestions.")] = False,
    decide: Annotated[
        bool, typer.Option("--decide", help="Decide where the two readers differ.")
    ] = False,
    labeller: Annotated[
        str, typer.Option("--labeller", help="The digest of a labeller that suggests too.")
    ] = "",
    readers: Annotated[
        list[str] | None,
        typer.Option("--readers", help="With --decide: one of the two, where there are more."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="Take marks made elsewhere: brat, or JSON lines; no page."),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="On loopback; 0: any that is free.")
    ] = 0,
    workspace: Workspace = None,
    purpose: PurposeOption = None,
) -> None:
    """Show the notes of a sample in the browser of this machine, to mark what identifies people."""
    with guarded(as_json=False):
        from bedside.wiring.console import labelling_of, serve_labelling  # noqa: PLC0415

        platform = opened(workspace, reader, purpose or "de-identification", as_json=False)
        work = labelling_of(
            platform,
            dataset,
            labeller=labeller,
            blind=blind,
            decides=decide,
            readers=tuple(readers or ()),
        )

        if labels is not None:
            from bedside.privacy.text.annotated import annotated_folder  # noqa: PLC0415

            taken = work.take(annotated_folder(labels))
            print(f"Took the marks of {taken:,} notes, of {len(work.places):,}, for {reader}.")
            return

        def tell(address: str) -> None:
            print(
                f"{len(work.places):,} notes, {work.done:,} of them done, for {reader}.\n"
                f"Open in the browser of this machine; it opens once:\n  {address}\n"
                "End with Ctrl C; what was saved is kept.",
                flush=True,
            )

        serve_labelling(work, port, tell)
