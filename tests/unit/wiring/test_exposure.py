"""What protects a server is asked for on the command line and reaches each server process."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from bedside.core.errors import Invalid
from bedside.serve.run import Exposure
from bedside.wiring.access import exposure_of
from bedside.wiring.server import Serving, _command
from bedside.wiring.server_worker import _exposure, _parser

A, B, C = Path("/tls/a.pem"), Path("/tls/b.pem"), Path("/tls/c.pem")


@pytest.mark.parametrize(
    "shown",
    [
        Exposure(),
        Exposure(certificate=A, key=B),
        Exposure(certificate=A, key=B, client_ca=C, behind_proxy=True),
    ],
)
def test_a_server_process_is_told_what_protects_it(tmp_path, shown):
    actor = SimpleNamespace(name="user:x", purpose="treatment")
    platform = SimpleNamespace(folder=tmp_path, actor=actor)

    command = _command(platform, Serving(host="192.0.2.1", exposure=shown), tmp_path / "l", 3)
    told = _parser().parse_args(command[3:])

    assert (told.host, _exposure(told)) == ("192.0.2.1", shown)


@pytest.mark.parametrize("given", [(A, None, None), (None, B, None), (None, None, C)])
def test_half_of_what_tls_needs_is_refused(given):
    with pytest.raises(Invalid):
        exposure_of(*given, {})


def test_only_1_says_that_there_is_a_proxy():
    found = [exposure_of(None, None, None, {"BEDSIDE_BEHIND_PROXY": x}) for x in ("1", "0", "yes")]

    assert [one.behind_proxy for one in found] == [True, False, False]
