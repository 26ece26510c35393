"""What is Vault's own: where it may be, what its refusals mean, and how its versions go.

The Transit engine here is a stand-in of ours; see key_services.
"""

import socket
from collections.abc import Iterator

import pytest

from bedside.core.errors import Invalid, Refused, Unavailable
from bedside.infra.keys.vault import VaultKeys
from key_services import TOKEN, TransitStandIn, transit_server

pytestmark = pytest.mark.xdist_group("keys_vault")  # its fixtures are made once

DATA_KEY = bytes(range(32))


@pytest.fixture(scope="module")
def running() -> Iterator[TransitStandIn]:
    with transit_server() as transit:
        yield transit


@pytest.fixture
def transit(running: TransitStandIn) -> TransitStandIn:
    running.keys.clear()
    running.asked.clear()
    running.broken, running.answers_left = None, None
    return running


@pytest.fixture
def keys(transit: TransitStandIn) -> Iterator[VaultKeys]:
    keys = VaultKeys(transit.address, TOKEN)
    yield keys
    keys.close()


@pytest.mark.parametrize(
    "address",
    [
        "http://vault.example.org:8200",
        "http://10.0.0.7:8200",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://[::2]:8200",
        "ftp://127.0.0.1",
        "https://",
        "https://user:word@vault.example.org",
        "https://vault.example.org/?to=elsewhere",
        "vault.example.org",
        "",
        "https://vault.example.org:port",
        "http://[",
    ],
)
def test_keys_are_sent_in_clear_to_nobody(address: str) -> None:
    with pytest.raises(Invalid):
        VaultKeys(address, TOKEN)


@pytest.mark.parametrize(
    "address",
    [
        "https://vault.example.org:8200",
        "http://127.0.0.1:8200",
        "http://[::1]:1",
        "http://localhost",
    ],
)
def test_they_may_be_sent_in_secret_or_within_this_machine(address: str) -> None:
    VaultKeys(address, TOKEN).close()


@pytest.mark.parametrize("name", ["", "a/b", "../sys", "a b", "-a", "é", "a\n"])
def test_a_mount_and_a_prefix_are_plain_names(name: str) -> None:
    with pytest.raises(Invalid):
        VaultKeys("http://127.0.0.1:1", TOKEN, mount=name)
    with pytest.raises(Invalid):
        VaultKeys("http://127.0.0.1:1", TOKEN, prefix=name)


def test_the_environment_does_not_say_where_the_keys_go(
    transit: TransitStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "VAULT_ADDR"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAULT_TOKEN", "another")
    keys = VaultKeys(transit.address, TOKEN)

    wrapped = keys.wrap(DATA_KEY, "raw", "a")

    assert keys.unwrap(wrapped, "raw", "a") == DATA_KEY
    keys.close()


def test_a_redirection_is_not_followed_and_the_token_does_not_leave(
    transit: TransitStandIn, keys: VaultKeys
) -> None:
    with transit_server() as elsewhere:
        for status in (301, 302, 307, 308):
            transit.broken = (status, f"{elsewhere.address}/v1/transit/keys/bedside-raw")

            with pytest.raises(Unavailable) as unavailable:
                keys.wrap(DATA_KEY, "raw", "a")

            assert unavailable.value.code == "keys_unavailable"
        assert elsewhere.asked == []


@pytest.mark.parametrize("status", [429, 472, 500, 502, 503])
def test_a_vault_that_cannot_is_unavailable(
    transit: TransitStandIn, keys: VaultKeys, status: int
) -> None:
    wrapped = keys.wrap(DATA_KEY, "raw", "a")
    transit.broken = (status, "")

    for call in (
        lambda: keys.wrap(DATA_KEY, "raw", "a"),
        lambda: keys.unwrap(wrapped, "raw", "a"),
        lambda: keys.rotate("raw"),
        lambda: keys.destroy("raw"),
        keys.describe,
    ):
        with pytest.raises(Unavailable) as unavailable:
            call()
        assert unavailable.value.code == "keys_unavailable"


def test_a_vault_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        keys = VaultKeys(f"http://127.0.0.1:{taken.getsockname()[1]}", TOKEN)

        with pytest.raises(Unavailable) as unavailable:
            keys.wrap(DATA_KEY, "raw", "a")

    keys.close()
    assert unavailable.value.code == "keys_unavailable"


@pytest.mark.parametrize("status", [200, 204])
def test_an_answer_that_is_not_transits_is_not_believed(
    transit: TransitStandIn, keys: VaultKeys, status: int
) -> None:
    keys.wrap(DATA_KEY, "raw", "a")
    transit.broken = (status, "")

    for call in (lambda: keys.unwrap("vault:v1:AAAA", "raw", "a"), lambda: keys.rotate("features")):
        with pytest.raises(Unavailable) as unavailable:
            call()
        assert unavailable.value.code == "keys_unavailable"


def test_a_token_that_does_not_suffice_is_refused_and_not_shown(transit: TransitStandIn) -> None:
    keys = VaultKeys(transit.address, "s.another-token")

    with pytest.raises(Refused) as refused:
        keys.wrap(DATA_KEY, "raw", "a")

    keys.close()
    assert refused.value.code == "keys_forbidden"
    assert "s.another-token" not in f"{refused.value!r} {vars(refused.value)}"


def test_the_key_and_the_context_cross_the_wire_but_never_in_an_address(
    transit: TransitStandIn, keys: VaultKeys
) -> None:
    wrapped = keys.wrap(DATA_KEY, "raw", "snapshot/7")
    keys.unwrap(wrapped, "raw", "snapshot/7")

    assert {line.split()[1].removeprefix("/v1/transit/") for line in transit.asked} == {
        "keys/bedside-raw",
        "keys/bedside-raw-destroyed",
        "encrypt/bedside-raw",
        "decrypt/bedside-raw",
    }


@pytest.mark.parametrize(("derived", "exportable"), [(False, False), (True, True)])
def test_a_transit_key_that_binds_nothing_or_can_be_taken_out_is_not_used(
    transit: TransitStandIn, keys: VaultKeys, derived: bool, exportable: bool
) -> None:
    transit.add("bedside-raw", derived=derived, exportable=exportable)

    with pytest.raises(Refused) as refused:
        keys.wrap(DATA_KEY, "raw", "a")

    assert refused.value.code == "key_unfit"
    assert not [line for line in transit.asked if "encrypt" in line]


def test_versions_go_from_the_oldest_on(keys: VaultKeys) -> None:
    first = keys.wrap(DATA_KEY, "raw", "a")
    keys.rotate("raw")
    keys.rotate("raw")

    with pytest.raises(Refused, match="Version 1") as refused:
        keys.destroy("raw", version=2)

    assert refused.value.code == "older_first"
    assert keys.unwrap(first, "raw", "a") == DATA_KEY
    keys.destroy("raw", version=1)
    keys.destroy("raw", version=2)
    [state] = keys.describe()
    assert [one.state for one in state.versions] == ["destroyed", "destroyed", "current"]


def test_trimmed_versions_are_gone_from_vault(transit: TransitStandIn, keys: VaultKeys) -> None:
    keys.wrap(DATA_KEY, "raw", "a")
    keys.rotate("raw")

    keys.destroy("raw", version=1)

    assert list(transit.keys["bedside-raw"].secrets) == [2]


def test_a_destroyed_key_is_gone_from_vault_and_leaves_a_mark(
    transit: TransitStandIn, keys: VaultKeys
) -> None:
    keys.wrap(DATA_KEY, "raw", "a")

    keys.destroy("raw")

    assert list(transit.keys) == ["bedside-raw-destroyed"]


@pytest.mark.parametrize("dies_at", range(1, 6))
def test_destroying_may_stop_anywhere_and_be_done_again(
    transit: TransitStandIn, keys: VaultKeys, dies_at: int
) -> None:
    """It fails before one of its steps: the mark, its versions, the leave to delete, the end."""
    wrapped = keys.wrap(DATA_KEY, "raw", "a")
    keys.rotate("raw")
    transit.answers_left = dies_at

    with pytest.raises(Unavailable):
        keys.destroy("raw")
    transit.answers_left = None
    assert [one.state for one in keys.describe()[0].versions] == ["old", "current"]
    keys.destroy("raw")

    for call in (
        lambda: keys.wrap(DATA_KEY, "raw", "a"),
        lambda: keys.unwrap(wrapped, "raw", "a"),
    ):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code == "key_destroyed"
    [state] = keys.describe()
    assert [one.state for one in state.versions] == ["destroyed", "destroyed"]
    assert list(transit.keys) == ["bedside-raw-destroyed"]


def test_another_process_destroying_is_seen_before_the_next_wrap(transit: TransitStandIn) -> None:
    """Transit would make a new key in passing, and nobody would notice."""
    ours, theirs = VaultKeys(transit.address, TOKEN), VaultKeys(transit.address, TOKEN)
    ours.wrap(DATA_KEY, "raw", "a")

    theirs.destroy("raw")

    with pytest.raises(Refused) as refused:
        ours.wrap(DATA_KEY, "raw", "a")
    assert refused.value.code == "key_destroyed"
    assert list(transit.keys) == ["bedside-raw-destroyed"]
    for keys in (ours, theirs):
        keys.close()
