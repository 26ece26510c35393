"""A replay sends patients' data to this machine, or to the one server that a person has named."""

import socket
from threading import Thread

import pytest

from bedside.core.errors import Invalid, Refused
from bedside.wiring.replaying import _Client, replay_server

TOLD = {"BEDSIDE_REPLAY_TOKEN": "a-token"}


@pytest.mark.parametrize("server", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]"])
def test_this_machine_is_called_without_more(server):
    assert replay_server(server, None, TOLD).address.is_loopback


@pytest.mark.parametrize(
    "server", ["https://hospital.example", "https://127.0.0.1.example", "https://10.0.0.7:8080"]
)
def test_another_machine_is_called_only_if_a_person_has_named_it(server):
    with pytest.raises(Refused) as refusal:
        replay_server(server, None, TOLD)
    named = replay_server(server, None, TOLD | {"BEDSIDE_REPLAY_SERVER": server + "/"})

    assert refusal.value.code == "server_not_allowed"
    assert named.address.scheme == "https"


def test_nothing_goes_over_a_network_in_clear():
    server = "http://hospital.example"

    with pytest.raises(Invalid):
        replay_server(server, None, TOLD | {"BEDSIDE_REPLAY_SERVER": server})


@pytest.mark.parametrize("token", ["", "two words", "a\x00b", "ü"])
def test_a_token_that_is_none_is_refused_without_repeating_it(token, tmp_path):
    (tmp_path / "token").write_text(token)

    with pytest.raises(Invalid) as refusal:
        replay_server("http://127.0.0.1", tmp_path / "token", {})

    assert not token or token not in str(refusal.value)


def test_the_token_is_read_from_its_file_and_never_shown(tmp_path):
    (tmp_path / "token").write_text("s3cret\n")

    server = replay_server("http://127.0.0.1", tmp_path / "token", TOLD)

    assert server.token == (tmp_path / "token").read_text().strip()
    assert server.token not in repr(server)


def test_an_answer_that_breaks_off_is_none_and_is_asked_for_again():
    """A worker that is killed between the head and the body of its answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def head_only():
            taken, _ = listening.accept()
            with taken:
                taken.recv(65_536)
                taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{")

        answering = Thread(target=head_only)
        answering.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        client = _Client(replay_server(address, None, TOLD), "/v2/models/any/infer")
        heard = client.ask(b"{}")
        client.close()
        answering.join()

    assert heard is None
