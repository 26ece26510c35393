"""Clients of a workspace: added, renewed, revoked, and known by a server that is running."""

from datetime import UTC, datetime, timedelta
from time import perf_counter

import pytest

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, NotFound, Refused, Unavailable
from bedside.core.records.caller import Action
from bedside.core.records.client import Client
from bedside.infra.database.opening import open_database, writing
from bedside.serve.adapters.sql_clients import SqlClients
from bedside.serve.auth import BLIND_SECONDS, KnownClients, token_digest

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SUBJECT = "CN=ehr,O=Hospital"


@pytest.fixture
def clients(tmp_path):
    return SqlClients(open_database(tmp_path / "bedside.sqlite"), writing=writing)


def a_client(name: str = "ehr", opened_by: str | None = "secret", **parts) -> Client:
    told = {
        "name": name,
        "scopes": frozenset({"infer/sepsis"}),
        "token_sha256": None if opened_by is None else token_digest(opened_by),
        "added": NOW,
    }
    return Client(**(told | parts))


def bearer(token: str) -> dict[bytes, bytes]:
    return {b"authorization": f"Bearer {token}".encode()}


def known(clients, **options) -> KnownClients:
    found = KnownClients(clients, clock=FixedClock(NOW), **options)
    found.look()
    return found


def name_of(found: KnownClients, token: str) -> str | None:
    caller = found.caller({}, bearer(token))
    return None if caller is None else caller.name


def test_what_is_kept_comes_back_and_holds_no_token(clients, tmp_path):
    kept = a_client(expires=NOW + timedelta(days=90))

    clients.add(kept)

    assert clients.all() == [kept]
    assert b"secret" not in (tmp_path / "bedside.sqlite").read_bytes()
    assert kept.token_sha256 not in repr(kept)


def test_a_client_may_what_its_scopes_say_and_nothing_else(clients):
    clients.add(a_client())

    caller = known(clients).caller({}, bearer("secret"))

    assert caller.name == "client:ehr"
    assert caller.may(Action.INFER, "sepsis")
    assert not caller.may(Action.INFER, "falls")
    assert not caller.may(Action.DESCRIBE)


def test_only_the_newest_token_of_a_client_opens(clients):
    clients.add(a_client())
    found = known(clients)

    clients.renew("ehr", token_digest("newer"))
    found.look()

    assert (name_of(found, "secret"), name_of(found, "newer")) == (None, "client:ehr")


def test_a_running_server_knows_within_a_second_who_was_added_and_revoked(clients):
    found = KnownClients(clients, clock=FixedClock(NOW))
    found.start()
    until = perf_counter() + 5

    clients.add(a_client())
    while name_of(found, "secret") is None and perf_counter() < until:
        pass
    was_known = name_of(found, "secret")
    clients.revoke("ehr", NOW)
    began = perf_counter()
    while name_of(found, "secret") is not None and perf_counter() < until:
        pass
    took = perf_counter() - began
    found.close()

    assert was_known == "client:ehr"
    assert name_of(found, "secret") is None
    assert took < 2


def test_an_expired_client_is_nobody_from_that_moment_on(clients):
    clients.add(a_client(expires=NOW))
    clients.add(a_client("other", "other", expires=NOW + timedelta(seconds=1)))

    found = known(clients)

    assert (name_of(found, "secret"), name_of(found, "other")) == (None, "client:other")


def test_a_name_may_be_given_again_after_it_was_revoked_and_not_before(clients):
    clients.add(a_client())
    with pytest.raises(Refused, match="there already"):
        clients.add(a_client(opened_by="another"))

    clients.revoke("ehr", NOW)
    clients.add(a_client(opened_by="another"))

    found = known(clients)
    assert (name_of(found, "secret"), name_of(found, "another")) == (None, "client:ehr")


def test_a_certificate_is_known_by_its_whole_subject_and_a_wrong_token_beside_it_by_nothing(
    clients,
):
    clients.add(a_client(opened_by=None, subject=SUBJECT))
    found = known(clients)

    def told(subject: str, headers: dict[bytes, bytes]) -> bool:
        scope = {"extensions": {"tls": {"client_cert_name": subject}}}
        return found.caller(scope, headers) is not None

    assert told(SUBJECT, {})
    assert not told("CN=ehr", {})
    assert not told("", {})
    assert not told(SUBJECT, bearer("wrong"))
    assert found.caller({}, {}) is None


def test_a_client_with_a_certificate_has_no_token_to_renew(clients):
    clients.add(a_client(opened_by=None, subject=SUBJECT))

    with pytest.raises(Refused, match="certificate"):
        clients.renew("ehr", token_digest("x"))


def test_who_is_not_there_is_neither_renewed_nor_revoked(clients):
    for change in (lambda: clients.renew("x", token_digest("x")), lambda: clients.revoke("x", NOW)):
        with pytest.raises(NotFound):
            change()


@pytest.mark.parametrize(
    "parts",
    [
        {"name": "EHR"},
        {"name": ""},
        {"scopes": frozenset()},
        {"scopes": frozenset({"infer"})},
        {"scopes": frozenset({"live/*"})},
        {"scopes": frozenset({"infer/sepsis falls"})},
        {"token_sha256": None},
        {"subject": SUBJECT},
        {"token_sha256": "secret"},
        {"token_sha256": None, "subject": ""},
    ],
)
def test_what_is_no_client_is_refused(parts):
    with pytest.raises(Invalid):
        a_client(**parts)


def test_after_a_minute_without_a_look_nobody_is_let_in_for_who_knows_who_was_revoked(clients):
    clients.add(a_client())
    seconds = [0.0]
    found = KnownClients(clients, clock=FixedClock(NOW), now=lambda: seconds[0])
    found.look()

    def unreachable() -> int:
        raise Unavailable("Out of reach.", fix="wait.")

    clients.revision = unreachable
    seconds[0] = BLIND_SECONDS
    found.look()
    still = name_of(found, "secret")
    seconds[0] = BLIND_SECONDS + 1
    found.look()

    assert (still, name_of(found, "secret")) == ("client:ehr", None)
