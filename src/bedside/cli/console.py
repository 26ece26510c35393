"""`bedside console`: models in use and their alarms, in the browser of this machine."""

from typing import Annotated

import typer

from bedside.cli.frame import ActorOption, PurposeOption, Workspace, guarded, opened

__all__ = ["console"]


def console(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="On loopback; 0: any that is free.")
    ] = 0,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
) -> None:
    """Show models in use and their alarms in the browser of this machine, to see them through."""
    with guarded(as_json=False):
        from bedside.lifecycle.in_use import in_use, open_alarms  # noqa: PLC0415
        from bedside.wiring.console import serve_alarms  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "quality and safety", as_json=False)
        models, alarms = len(in_use(platform)), len(open_alarms(platform))

        def tell(address: str) -> None:
            print(
                f"Versions in use: {models:,}. Open alarms: {alarms:,}. You are "
                f"{platform.actor.name}.\n"
                f"Open in the browser of this machine; it opens once:\n  {address}\n"
                "End with Ctrl C; what was done is kept.",
                flush=True,
            )

        serve_alarms(platform, port, tell)
