"""`bedside keys`: the keys of a workspace; their bytes are never shown."""

from typing import Annotated

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

__all__ = ["keys_app"]

keys_app = typer.Typer(help="The keys that protect the data.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="The name of the key: bedside keys list names them.")]


@keys_app.command("list")
def list_(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """List the keys, their versions, and what each protects."""
    with guarded(as_json):
        from bedside.cli.data_words import keys_json, keys_words  # noqa: PLC0415
        from bedside.lifecycle.keys import key_states  # noqa: PLC0415

        states = key_states(opened(workspace, None, "overview", as_json))
        show(keys_json(states), as_json, lambda: keys_words(states))


@keys_app.command("seal")
def seal(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """Seal the key file with a passphrase, which is asked for or read from standard input.

    From then on the passphrase is expected in the environment variable BEDSIDE_KEY_PASSPHRASE. A
    file that is sealed already gets the new passphrase; an empty one takes the seal off.
    """
    with guarded(as_json):
        import sys  # noqa: PLC0415

        from bedside.wiring.settings import default_workspace  # noqa: PLC0415
        from bedside.wiring.workspace import seal_key_file  # noqa: PLC0415

        if sys.stdin.isatty():
            given = typer.prompt(
                "New passphrase", hide_input=True, confirmation_prompt=True, default=""
            )
        else:
            given = sys.stdin.readline().rstrip("\n")
        seal_key_file(workspace or default_workspace(), given or None)
        show(
            {"sealed": bool(given)},
            as_json,
            lambda: (
                "The key file is sealed. Give its passphrase in BEDSIDE_KEY_PASSPHRASE from now on."
                if given
                else "The key file is not sealed any more: only its permissions protect it."
            ),
        )


@keys_app.command("rotate")
def rotate(
    key: Key,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new version of a key and wrap every data key with it; no data file is rewritten."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.lifecycle.keys import rotate_key  # noqa: PLC0415

        done = rotate_key(opened(workspace, actor, purpose or "key management", as_json), key)
        show(
            asdict(done),
            as_json,
            lambda: (
                f"{key} is at version {done.version}; it wraps {done.data_keys} data keys. "
                f"Old versions still open: bedside keys destroy {key} --version N ends one."
            ),
        )


@keys_app.command("destroy")
def destroy(
    key: Key,
    version: Annotated[
        int | None, typer.Option("--version", help="Only this old version of it.")
    ] = None,
    confirm: Annotated[
        str, typer.Option("--confirm", help="The name of the key again, to say you mean it.")
    ] = "",
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Destroy a key, or an old version of it. What it alone opens is lost for ever."""
    with guarded(as_json):
        from bedside.core.errors import Refused  # noqa: PLC0415
        from bedside.lifecycle.keys import destroy_key  # noqa: PLC0415

        if confirm != key:
            raise Refused(
                "Destroying a key cannot be undone, by anybody.",
                fix=f"run it again with --confirm {key} if that is what you want.",
                code="not_confirmed",
            )
        platform = opened(workspace, actor, purpose or "key management", as_json)
        destroy_key(platform, key, version=version)
        which = key if version is None else f"version {version} of {key}"
        show(
            {"key": key, "version": version, "destroyed": True},
            as_json,
            lambda: f"{which} is destroyed: what it alone opened cannot be read any more.",
        )
