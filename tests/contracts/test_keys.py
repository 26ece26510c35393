"""Every key service keeps the same promises, wherever its keys live."""

import base64
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused
from bedside.core.ports import KeyService
from bedside.core.records.key import KEYS
from key_services import PLACES, close_place, kms_server, open_place, racing, transit_server

pytestmark = pytest.mark.xdist_group("contracts_keys")  # its fixtures are made once

CONTEXT = "features/0f3a"
DATA_KEY = bytes(range(100, 132))
DOES_NOT_OPEN = {"wrong_key", "keys_forbidden"}  # KMS cannot always tell a stranger's text
RACER = """
import json, os, sys
from key_services import close_place, open_place
keys = open_place(json.loads(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(8):
    data_key = os.urandom(32)
    print(data_key.hex(), keys.wrap(data_key, "raw", f"file/{number}"), flush=True)
    if number == 3 and len(sys.argv) > 2:
        keys.rotate("raw")
close_place(keys)
"""

Open = Callable[[], KeyService]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    with transit_server() as transit, kms_server() as kms:
        yield {"vault": transit.address, "aws": kms}


@pytest.fixture(params=PLACES)
def place(
    request: pytest.FixtureRequest, servers: dict[str, str], tmp_path: Path
) -> dict[str, str]:
    kind = str(request.param)
    where = servers.get(kind, str(tmp_path))
    return {"kind": kind, "where": where, "prefix": f"ward-{uuid4().hex[:8]}"}


@pytest.fixture
def opened(place: dict[str, str]) -> Iterator[Open]:
    """Opens the key service, and each time anew, as another process would."""
    all_opened: list[KeyService] = []

    def open_again() -> KeyService:
        all_opened.append(open_place(place))
        return all_opened[-1]

    yield open_again
    for keys in all_opened:
        close_place(keys)


@pytest.fixture
def keys(opened: Open) -> KeyService:
    return opened()


def states_of(keys: KeyService, key: str) -> list[str]:
    [found] = [state for state in keys.describe() if state.name == key]
    assert [one.number for one in found.versions] == list(range(1, len(found.versions) + 1))
    return [one.state for one in found.versions]


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.code


@pytest.mark.parametrize("length", [16, 32, 64])
def test_a_data_key_comes_back_as_it_was(opened: Open, length: int) -> None:
    data_key = bytes(range(length))

    wrapped = opened().wrap(data_key, "raw", CONTEXT)

    assert opened().unwrap(wrapped, "raw", CONTEXT) == data_key
    assert wrapped.split(":")[1] == "v1"


def test_wrapping_the_same_key_twice_gives_two_texts(keys: KeyService) -> None:
    assert len({keys.wrap(DATA_KEY, "raw", CONTEXT) for _ in range(4)}) == 4


@pytest.mark.parametrize("context", ["features/0f3b", "features", f"{CONTEXT}\n", "raw:1:"])
def test_a_data_key_opens_with_its_own_context_only(keys: KeyService, context: str) -> None:
    wrapped = keys.wrap(DATA_KEY, "raw", CONTEXT)

    assert code_of(lambda: keys.unwrap(wrapped, "raw", context)) == "wrong_key"
    assert code_of(lambda: keys.rewrap(wrapped, "raw", context)) == "wrong_key"


def test_a_data_key_opens_with_its_own_key_only(keys: KeyService) -> None:
    wrapped = keys.wrap(DATA_KEY, "raw", CONTEXT)
    keys.wrap(DATA_KEY, "features", CONTEXT)

    assert code_of(lambda: keys.unwrap(wrapped, "features", CONTEXT)) == "wrong_key"
    assert code_of(lambda: keys.unwrap(wrapped, "ledger", CONTEXT)) == "wrong_key"


def test_a_data_key_of_another_workspace_does_not_open(
    place: dict[str, str], keys: KeyService
) -> None:
    other = open_place({**place, "prefix": "another-ward"})
    wrapped = other.wrap(DATA_KEY, "raw", CONTEXT)
    keys.wrap(DATA_KEY, "raw", CONTEXT)
    close_place(other)

    assert code_of(lambda: keys.unwrap(wrapped, "raw", CONTEXT)) in DOES_NOT_OPEN


@pytest.mark.parametrize(
    "wrapped", ["", "v1", "other:v1:AAAA", "vault:v1:", "file:v0:AAAA", "é:v1:"]
)
def test_what_is_not_a_wrapped_key_of_this_service_is_refused(
    keys: KeyService, wrapped: str
) -> None:
    keys.wrap(DATA_KEY, "raw", CONTEXT)

    assert code_of(lambda: keys.unwrap(wrapped, "raw", CONTEXT)) == "wrong_key"


def test_a_text_that_names_another_service_is_refused(
    place: dict[str, str], keys: KeyService
) -> None:
    _, version, rest = keys.wrap(DATA_KEY, "raw", CONTEXT).split(":")

    for service in {"file", "vault", "aws"} - {place["kind"].split()[-1]}:
        told = f"{service}:{version}:{rest}"
        assert code_of(lambda told=told: keys.unwrap(told, "raw", CONTEXT)) == "wrong_key"


def test_a_change_anywhere_in_the_text_is_noticed(keys: KeyService) -> None:
    wrapped = keys.wrap(bytes(range(16)), "raw", CONTEXT)  # 16 leave bits of Base64 unused
    keys.rotate("raw")

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def every_change_is_refused(data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(wrapped) - 1))
        letter = data.draw(
            st.sampled_from("ABCwxyz0129+/-_=:v \n") | st.characters(exclude_categories=["Cs"])
        )
        changed = wrapped[:place] + letter + wrapped[place + 1 :]
        longer = wrapped[:place] + letter + wrapped[place:]

        for text in {changed, longer} - {wrapped}:
            refused = code_of(lambda text=text: keys.unwrap(text, "raw", CONTEXT))
            assert refused in DOES_NOT_OPEN

    every_change_is_refused()


def test_after_a_rotation_old_texts_open_and_new_ones_name_the_new_version(opened: Open) -> None:
    keys = opened()
    old = keys.wrap(DATA_KEY, "raw", CONTEXT)

    number = keys.rotate("raw")

    new = keys.wrap(DATA_KEY, "raw", CONTEXT)
    assert number == 2
    assert [text.split(":")[1] for text in (old, new)] == ["v1", "v2"]
    for text in (old, new):
        assert opened().unwrap(text, "raw", CONTEXT) == DATA_KEY
    assert states_of(keys, "raw") == ["old", "current"]


def test_the_rotation_of_another_process_is_seen_at_once(opened: Open) -> None:
    ours, theirs = opened(), opened()
    ours.wrap(DATA_KEY, "raw", CONTEXT)

    theirs.rotate("raw")
    theirs.rotate("raw")

    wrapped = ours.wrap(DATA_KEY, "raw", CONTEXT)
    assert wrapped.split(":")[1] == "v3"
    assert ours.unwrap(wrapped, "raw", CONTEXT) == DATA_KEY


def test_rotating_a_key_that_was_never_used_makes_its_first_version(keys: KeyService) -> None:
    assert keys.rotate("backup") == 1
    assert states_of(keys, "backup") == ["current"]


def test_rewrapping_moves_a_data_key_to_the_newest_version(keys: KeyService) -> None:
    old = keys.wrap(DATA_KEY, "raw", CONTEXT)
    keys.rotate("raw")

    new = keys.rewrap(old, "raw", CONTEXT)
    again = keys.rewrap(new, "raw", CONTEXT)

    keys.destroy("raw", version=1)
    assert new.split(":")[1] == again.split(":")[1] == "v2"
    assert keys.unwrap(new, "raw", CONTEXT) == keys.unwrap(again, "raw", CONTEXT) == DATA_KEY


def test_a_destroyed_version_opens_nothing_and_the_newer_one_still_does(opened: Open) -> None:
    keys = opened()
    old = keys.wrap(DATA_KEY, "raw", CONTEXT)
    keys.rotate("raw")
    new = keys.wrap(DATA_KEY, "raw", CONTEXT)

    keys.destroy("raw", version=1)
    keys.destroy("raw", version=1)

    for again in (keys, opened()):
        assert code_of(lambda: again.unwrap(old, "raw", CONTEXT)) == "key_destroyed"  # noqa: B023
        assert code_of(lambda: again.rewrap(old, "raw", CONTEXT)) == "key_destroyed"  # noqa: B023
        assert again.unwrap(new, "raw", CONTEXT) == DATA_KEY
        assert states_of(again, "raw") == ["destroyed", "current"]
    assert keys.rotate("raw") == 3


def test_a_destroyed_key_stays_destroyed(opened: Open) -> None:
    keys, open_meanwhile = opened(), opened()
    texts = [keys.wrap(DATA_KEY, "raw", CONTEXT)]
    open_meanwhile.unwrap(texts[0], "raw", CONTEXT)
    keys.rotate("raw")
    texts.append(open_meanwhile.wrap(DATA_KEY, "raw", CONTEXT))
    other = keys.wrap(DATA_KEY, "features", CONTEXT)

    keys.destroy("raw")
    keys.destroy("raw")

    for again in (keys, open_meanwhile, opened()):
        for text in texts:
            assert code_of(lambda: again.unwrap(text, "raw", CONTEXT)) == "key_destroyed"  # noqa: B023
            assert code_of(lambda: again.rewrap(text, "raw", CONTEXT)) == "key_destroyed"  # noqa: B023
        assert code_of(lambda: again.wrap(DATA_KEY, "raw", CONTEXT)) == "key_destroyed"  # noqa: B023
        assert code_of(lambda: again.rotate("raw")) == "key_destroyed"  # noqa: B023
        assert states_of(again, "raw") == ["destroyed", "destroyed"]
        assert again.unwrap(other, "features", CONTEXT) == DATA_KEY


def test_the_refusal_of_a_destroyed_key_names_it_and_what_it_protected(keys: KeyService) -> None:
    wrapped = keys.wrap(DATA_KEY, "raw", CONTEXT)
    keys.destroy("raw")

    with pytest.raises(Refused) as refused:
        keys.unwrap(wrapped, "raw", CONTEXT)

    assert "'raw' was destroyed" in refused.value.problem
    assert KEYS["raw"] in refused.value.problem
    assert refused.value.problem.count(". ") == 0


def test_the_newest_of_several_versions_is_not_destroyed_alone(keys: KeyService) -> None:
    wrapped = keys.wrap(DATA_KEY, "raw", CONTEXT)
    keys.rotate("raw")

    assert code_of(lambda: keys.destroy("raw", version=2)) == "key_in_use"
    assert keys.unwrap(wrapped, "raw", CONTEXT) == DATA_KEY


def test_destroying_the_only_version_destroys_the_key(keys: KeyService) -> None:
    keys.wrap(DATA_KEY, "raw", CONTEXT)

    keys.destroy("raw", version=1)

    assert code_of(lambda: keys.wrap(DATA_KEY, "raw", CONTEXT)) == "key_destroyed"


@pytest.mark.parametrize("version", [None, 0, 2, -1])
def test_what_was_never_made_cannot_be_destroyed(keys: KeyService, version: int | None) -> None:
    keys.wrap(DATA_KEY, "features", CONTEXT)

    with pytest.raises(NotFound):
        keys.destroy("raw", version=version)
    if version is not None:
        with pytest.raises(NotFound):
            keys.destroy("features", version=version)
    assert states_of(keys, "features") == ["current"]


def test_it_describes_every_key_that_was_made_and_says_where_it_is(keys: KeyService) -> None:
    assert keys.describe() == []
    for key in ("signing", "raw", "ledger"):
        keys.wrap(DATA_KEY, key, CONTEXT)

    told = keys.describe()

    assert [state.name for state in told] == ["ledger", "raw", "signing"]
    assert len({state.where for state in told}) == 1
    assert told[0].where
    assert all(one.made_at is not None for state in told for one in state.versions)


@pytest.mark.parametrize("key", ["", "other", "RAW", "raw/../ledger", "raw-destroyed"])
def test_there_are_no_keys_but_those_of_a_workspace(keys: KeyService, key: str) -> None:
    for call in (
        lambda: keys.wrap(DATA_KEY, key, CONTEXT),
        lambda: keys.unwrap("file:v1:AAAA", key, CONTEXT),
        lambda: keys.rewrap("file:v1:AAAA", key, CONTEXT),
        lambda: keys.rotate(key),
        lambda: keys.destroy(key),
    ):
        with pytest.raises(Invalid):
            call()
    assert keys.describe() == []


@pytest.mark.parametrize(("length", "context"), [(0, "a"), (15, "a"), (65, "a"), (32, "")])
def test_no_data_key_is_wrapped_that_is_none_or_without_a_context(
    keys: KeyService, length: int, context: str
) -> None:
    with pytest.raises(Invalid):
        keys.wrap(bytes(length), "raw", context)


def test_no_error_holds_a_data_key(keys: KeyService) -> None:
    wrapped = keys.wrap(DATA_KEY, "raw", CONTEXT)
    errors: list[BaseException] = []

    for call in (
        lambda: keys.unwrap(wrapped, "raw", "another"),
        lambda: keys.unwrap(wrapped[:-8], "raw", CONTEXT),
        lambda: keys.wrap(DATA_KEY * 4, "raw", CONTEXT),
        lambda: keys.destroy("raw"),
        lambda: keys.wrap(DATA_KEY, "raw", CONTEXT),
    ):
        try:
            call()
        except BedsideError as error:
            errors.append(error)

    assert len(errors) == 4
    for error in errors:
        told = f"{error!r} {error.__cause__!r} {vars(error)}"
        assert error.__suppress_context__ or error.__context__ is None
        for spelling in (DATA_KEY.hex(), base64.b64encode(DATA_KEY).decode(), repr(DATA_KEY)):
            assert spelling not in told
        assert wrapped not in told


def test_processes_that_race_for_the_first_version_make_one(
    place: dict[str, str], keys: KeyService
) -> None:
    told = racing(RACER, [json.dumps(place)])

    lines = [line.split() for one in told for line in one.splitlines()]
    assert len(lines) == 16
    assert states_of(keys, "raw") == ["current"]
    for index, (data_key, wrapped) in enumerate(lines):
        assert keys.unwrap(wrapped, "raw", f"file/{index % 8}").hex() == data_key


def test_processes_that_rotate_at_once_lose_nothing(
    place: dict[str, str], keys: KeyService
) -> None:
    told = racing(RACER, [json.dumps(place), "rotate"])

    lines = [line.split() for one in told for line in one.splitlines()]
    assert states_of(keys, "raw") == ["old", "old", "current"]
    for index, (data_key, wrapped) in enumerate(lines):
        assert keys.unwrap(wrapped, "raw", f"file/{index % 8}").hex() == data_key


def test_threads_may_share_one_key_service(keys: KeyService) -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: keys.wrap(DATA_KEY, "raw", CONTEXT), range(32)))
        opened = set(pool.map(lambda text: keys.unwrap(text, "raw", CONTEXT), texts))

    assert opened == {DATA_KEY}
    assert states_of(keys, "raw") == ["current"]
