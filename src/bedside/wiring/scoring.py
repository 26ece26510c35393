"""The command of a server that only scores: `python -m bedside.wiring.scoring`.

It loads no store of data and no training library, so it starts where none is installed. With
`--check` it asks the running server whether it answers; with `--clients` it lets clients in and
out, also while the server runs; with `--compile FOLDER` it keeps there what a start would compile,
for an image.
"""

import http.client
import json
import os
import ssl
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from bedside.core.errors import BedsideError, Invalid
from bedside.serve.run import Exposure
from bedside.wiring.kept_code import take_code
from bedside.wiring.scoring_settings import scoring_settings

__all__ = ["is_answering", "main"]

OPEN_PATH = "/v2/health/live"
_SECONDS = 3.0  # that a check waits


def is_answering(host: str, port: int, exposure: Exposure) -> bool:
    """Whether a server on this machine answers; it does once every model is loaded.

    The certificate is that of the name by which others call it, so it is not looked at here: the
    call never leaves this machine, and carries nothing.
    """
    here = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - what it listens on
    connection: http.client.HTTPConnection
    if exposure.certificate is None:
        connection = http.client.HTTPConnection(here, port, timeout=_SECONDS)
    else:
        unchecked = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(here, port, timeout=_SECONDS, context=unchecked)
    try:
        with closing(connection):
            connection.request("GET", OPEN_PATH, headers={"Host": "localhost"})
            with connection.getresponse() as response:
                return response.status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def main(arguments: Sequence[str] = (), environment: Mapping[str, str] = os.environ) -> int:
    """Serve until told to stop, or what the arguments say. The exit status."""
    try:
        return _done(list(arguments), environment)
    except BedsideError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return 2


def _done(arguments: list[str], environment: Mapping[str, str]) -> int:
    match arguments:
        case []:
            settings = scoring_settings(environment)
            take_code(environment)
            from bedside.wiring.scoring_app import serve_release  # noqa: PLC0415 - is compiled

            return serve_release(settings)
        case ["--check"]:
            settings = scoring_settings(environment)
            return 0 if is_answering(settings.host, settings.port, settings.exposure) else 1
        case ["--clients", *told]:
            from bedside.wiring.scoring_state import ScoringState, client_command  # noqa: PLC0415

            desk = ScoringState(scoring_settings(environment)).desk()
            print(json.dumps(client_command(desk, told)), flush=True)
            return 0
        case ["--compile", folder]:
            from bedside.wiring.kept_code import keep_code  # noqa: PLC0415

            keep_code(Path(environment.get("BEDSIDE_RELEASE", "release")), Path(folder))
            return 0
    raise Invalid(
        "That is no way to start it.", fix="give nothing, --check, --clients or --compile FOLDER."
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
