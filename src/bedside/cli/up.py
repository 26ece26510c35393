"""`bedside up`: everything that one hospital runs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bedside.cli.frame import ActorOption, JsonOption, Workspace, guarded, opened, show

__all__ = ["up"]


def up(
    config: Annotated[
        Path | None,
        typer.Option("--config", help="The file; up.toml in the workspace if not given."),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Instead of what the file says.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Instead of what the file says.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Start nothing; say what would run.")] = (
        False
    ),
    workspace: Workspace = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the server, the HL7 listener, the FHIR watches and the monitors; keep them running."""
    with guarded(as_json):
        import sys  # noqa: PLC0415

        from bedside.core.errors import NotFound  # noqa: PLC0415
        from bedside.wiring import up as verb  # noqa: PLC0415
        from bedside.wiring.operations import log_as_json  # noqa: PLC0415

        platform = opened(workspace, actor, "treatment", as_json)
        if config is not None and not config.is_file():
            raise NotFound("There is no such file.", fix="give the path of a TOML file.")
        house = verb.read_house(config or platform.folder / verb.CONFIGURATION)
        house = verb.with_server(house, port=port, workers=workers)
        verb.check_house(house, platform)
        parts = verb.parts_of(house, platform)
        if check:
            rows: list[dict[str, Any]] = verb.Roof(parts).rows()
            show({"parts": rows}, as_json, lambda: f"{up_words(rows)}\nAll of it can run.")
            return
        log_as_json()
        verb.run_house(
            platform, parts, lambda rows: print(up_words(rows), file=sys.stderr, flush=True)
        )


def up_words(rows: list[dict[str, Any]]) -> str:
    """The table of what runs where."""
    lines = [f"{'part':<24} {'state':<8} {'process':>8} {'starts':>6} {'last status':>11}"]
    for row in rows:
        process = "-" if row["process"] is None else row["process"]
        status = "-" if row["last_status"] is None else row["last_status"]
        lines.append(
            f"{row['part']:<24} {row['state']:<8} {process:>8} {row['starts']:>6} {status:>11}"
        )
    return "\n".join(lines)
