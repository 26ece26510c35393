import base64
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, Refused, Unavailable
from bedside.infra.keys.keyring import FileKeyring

CLOCK = FixedClock(datetime(2026, 11, 3, 6, 30, tzinfo=UTC))
DATA_KEY = bytes(range(200, 232))
SECRET = "a passphrase of the night shift"  # noqa: S105 - of the tests


def a_keyring(folder: Path, passphrase: str | None = None) -> FileKeyring:
    return FileKeyring(folder / "keys" / "keyring.json", passphrase=passphrase, clock=CLOCK)


def file_of(folder: Path) -> Path:
    return folder / "keys" / "keyring.json"


def key_bytes_of(folder: Path) -> list[bytes]:
    """The bytes of every key in a keyring that is not sealed."""
    told = json.loads(file_of(folder).read_bytes())["keys"]
    return [
        base64.b64decode(version["key"])
        for versions in told.values()
        for version in versions
        if "key" in version
    ]


def spellings(secret: bytes) -> list[bytes]:
    return [
        secret,
        secret.hex().encode(),
        base64.b64encode(secret)[:-1],
        base64.urlsafe_b64encode(secret)[:-1],
    ]


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def code_of(call: object) -> str:
    assert callable(call)
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.code


@pytest.mark.parametrize("passphrase", [None, SECRET])
def test_nobody_else_can_reach_the_keys(tmp_path: Path, passphrase: str | None) -> None:
    os.umask(os.umask(0))

    a_keyring(tmp_path, passphrase).wrap(DATA_KEY, "raw", "a")

    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in file_of(tmp_path).parent.iterdir()
    }
    assert stat.S_IMODE(file_of(tmp_path).parent.stat().st_mode) == 0o700
    assert modes == {"keyring.json": 0o600, "keyring.json.lock": 0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610])
@pytest.mark.parametrize("what", ["keyring.json", "."])
def test_a_key_that_others_can_reach_is_refused_with_the_command_that_closes_it(
    tmp_path: Path, what: str, mode: int
) -> None:
    keys = a_keyring(tmp_path)
    wrapped = keys.wrap(DATA_KEY, "raw", "a")
    (file_of(tmp_path).parent / what).chmod(mode | 0o100)

    for again in (keys, a_keyring(tmp_path)):
        with pytest.raises(Refused, match=r"chmod [67]00") as refused:
            again.unwrap(wrapped, "raw", "a")
        assert refused.value.code == "key_exposed"


def test_a_keyring_that_is_a_link_is_refused(tmp_path: Path) -> None:
    keys = a_keyring(tmp_path)
    wrapped = keys.wrap(DATA_KEY, "raw", "a")
    file_of(tmp_path).rename(tmp_path / "elsewhere.json")
    file_of(tmp_path).symlink_to(tmp_path / "elsewhere.json")

    for again in (keys, a_keyring(tmp_path)):
        assert code_of(lambda: again.unwrap(wrapped, "raw", "a")) == "key_exposed"  # noqa: B023


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    file_of(tmp_path).parent.mkdir(mode=0o700)
    (file_of(tmp_path).parent / "keyring.json.lock").symlink_to(tmp_path / "made")

    with pytest.raises(Unavailable):
        a_keyring(tmp_path).wrap(DATA_KEY, "raw", "a")

    assert not (tmp_path / "made").exists()


def test_a_sealed_keyring_shows_no_key_and_no_name_of_one(tmp_path: Path) -> None:
    keys = a_keyring(tmp_path)
    for key in ("raw", "ledger"):
        keys.wrap(DATA_KEY, key, "a")
    keys.rotate("raw")
    secrets = key_bytes_of(tmp_path)

    keys.seal_with(SECRET)

    content = everything_in(tmp_path)
    assert len(secrets) == 3
    for secret in (*secrets, DATA_KEY, SECRET.encode()):
        for spelling in spellings(secret):
            assert spelling not in content
    assert b"ledger" not in content


def test_a_keyring_sealed_later_opens_what_was_wrapped_before(tmp_path: Path) -> None:
    keys = a_keyring(tmp_path)
    wrapped = keys.wrap(DATA_KEY, "raw", "a")

    keys.seal_with(SECRET)

    assert keys.unwrap(wrapped, "raw", "a") == DATA_KEY
    assert a_keyring(tmp_path, SECRET).unwrap(wrapped, "raw", "a") == DATA_KEY


def test_a_changed_passphrase_shuts_out_the_old_one(tmp_path: Path) -> None:
    keys, open_meanwhile = a_keyring(tmp_path, SECRET), a_keyring(tmp_path, SECRET)
    wrapped = keys.wrap(DATA_KEY, "raw", "a")
    open_meanwhile.unwrap(wrapped, "raw", "a")

    keys.seal_with("another one")

    for old in (open_meanwhile, a_keyring(tmp_path, SECRET)):
        assert code_of(lambda: old.unwrap(wrapped, "raw", "a")) == "wrong_passphrase"  # noqa: B023
    assert a_keyring(tmp_path, "another one").unwrap(wrapped, "raw", "a") == DATA_KEY


def test_a_keyring_can_be_unsealed(tmp_path: Path) -> None:
    keys = a_keyring(tmp_path, SECRET)
    wrapped = keys.wrap(DATA_KEY, "raw", "a")

    keys.seal_with(None)

    assert a_keyring(tmp_path).unwrap(wrapped, "raw", "a") == DATA_KEY
    assert [state.where for state in keys.describe()] == ["local file, without a passphrase"]


@pytest.mark.parametrize("passphrase", [None, "wrong", SECRET.upper(), f"{SECRET} "])
def test_a_sealed_keyring_opens_with_its_passphrase_only(
    tmp_path: Path, passphrase: str | None
) -> None:
    wrapped = a_keyring(tmp_path, SECRET).wrap(DATA_KEY, "raw", "a")
    before = file_of(tmp_path).read_bytes()
    keys = a_keyring(tmp_path, passphrase)

    for call in (
        lambda: keys.unwrap(wrapped, "raw", "a"),
        lambda: keys.wrap(DATA_KEY, "features", "a"),
        lambda: keys.destroy("raw"),
        lambda: keys.seal_with("mine"),
        keys.describe,
    ):
        with pytest.raises(Refused, match="BEDSIDE_KEY_PASSPHRASE") as refused:
            call()
        assert refused.value.code == "wrong_passphrase"
        assert SECRET not in f"{refused.value!r} {vars(refused.value)}"
    assert file_of(tmp_path).read_bytes() == before


def test_one_passphrase_is_one_however_the_keyboard_composed_it(tmp_path: Path) -> None:
    wrapped = a_keyring(tmp_path, "Scho\u0308ne Nacht").wrap(DATA_KEY, "raw", "a")

    assert a_keyring(tmp_path, "Sch\u00f6ne Nacht").unwrap(wrapped, "raw", "a") == DATA_KEY


@pytest.mark.parametrize("passphrase", ["", "   ", "\n"])
def test_a_blank_passphrase_is_none(tmp_path: Path, passphrase: str) -> None:
    with pytest.raises(Invalid):
        a_keyring(tmp_path, passphrase)
    with pytest.raises(Invalid):
        a_keyring(tmp_path).seal_with(passphrase)


def test_a_passphrase_for_a_keyring_in_clear_is_refused_and_not_taken_for_protection(
    tmp_path: Path,
) -> None:
    wrapped = a_keyring(tmp_path).wrap(DATA_KEY, "raw", "a")

    assert code_of(lambda: a_keyring(tmp_path, SECRET).unwrap(wrapped, "raw", "a")) == "not_sealed"


def test_a_destroyed_version_leaves_the_file_and_its_marker_stays(tmp_path: Path) -> None:
    keys = a_keyring(tmp_path)
    keys.wrap(DATA_KEY, "raw", "a")
    keys.rotate("raw")
    first, second = key_bytes_of(tmp_path)

    keys.destroy("raw", version=1)

    assert key_bytes_of(tmp_path) == [second]
    assert not any(spelling in everything_in(tmp_path) for spelling in spellings(first))
    told = json.loads(file_of(tmp_path).read_bytes())["keys"]["raw"][0]
    assert told == {"state": "destroyed", "made_at": "2026-11-03T06:30:00.000000Z"}


def test_the_clock_says_when_a_version_was_made(tmp_path: Path) -> None:
    keys = a_keyring(tmp_path)
    keys.wrap(DATA_KEY, "raw", "a")

    [state] = keys.describe()

    assert state.versions[0].made_at == "2026-11-03T06:30:00.000000Z"


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 400), sealed=st.booleans())
def test_a_cut_keyring_is_refused_and_not_replaced(
    tmp_path_factory: pytest.TempPathFactory, cut: int, sealed: bool
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    passphrase = SECRET if sealed else None
    wrapped = _made_once(folder, passphrase)
    content = file_of(folder).read_bytes()
    file_of(folder).write_bytes(content[: cut % len(content)])

    for call in (
        lambda: a_keyring(folder, passphrase).unwrap(wrapped, "raw", "a"),
        lambda: a_keyring(folder, passphrase).wrap(DATA_KEY, "raw", "a"),
    ):
        assert code_of(call) == "key_damaged"
    assert file_of(folder).read_bytes() == content[: cut % len(content)]


_MADE: dict[str | None, tuple[bytes, str]] = {}


def _made_once(folder: Path, passphrase: str | None) -> str:
    """A keyring in the folder, copied from one that was made once: scrypt is slow on purpose."""
    if passphrase not in _MADE:
        wrapped = a_keyring(folder, passphrase).wrap(DATA_KEY, "raw", "a")
        _MADE[passphrase] = file_of(folder).read_bytes(), wrapped
    content, wrapped = _MADE[passphrase]
    file_of(folder).parent.mkdir(mode=0o700, exist_ok=True)
    file_of(folder).write_bytes(content)
    file_of(folder).chmod(0o600)
    return wrapped


@pytest.mark.parametrize(
    "told",
    [
        [],
        None,
        {"format": "bedside-keyring/2", "keys": {}},
        {"format": "bedside-keyring/1"},
        {"format": "bedside-keyring/1", "keys": []},
        {"format": "bedside-keyring/1", "keys": {"other": []}},
        {"format": "bedside-keyring/1", "keys": {"raw": [{"made_at": "now", "key": "AAAA"}]}},
        {"format": "bedside-keyring/1", "keys": {"raw": [{"key": "A" * 43 + "="}]}},
        {"format": "bedside-keyring/1", "keys": {"raw": ["AAAA"]}},
        {"format": "bedside-keyring/1", "sealed": {"n": 2}},
        {"format": "bedside-keyring/1", "sealed": []},
    ],
)
@pytest.mark.parametrize("passphrase", [None, SECRET])
def test_a_keyring_that_says_something_else_is_refused(
    tmp_path: Path, told: object, passphrase: str | None
) -> None:
    file_of(tmp_path).parent.mkdir(mode=0o700)
    file_of(tmp_path).write_text(json.dumps(told))
    file_of(tmp_path).chmod(0o600)

    code = code_of(lambda: a_keyring(tmp_path, passphrase).wrap(DATA_KEY, "raw", "a"))

    assert code in {"key_damaged", "wrong_passphrase", "not_sealed"}


@pytest.mark.parametrize("cost", [{"n": 2}, {"n": 1 << 40}, {"r": 1}, {"kdf": "none"}])
def test_nobody_can_make_the_passphrase_cheap_to_guess_or_dear_to_check(
    tmp_path: Path, cost: dict[str, object]
) -> None:
    wrapped = _made_once(tmp_path, SECRET)
    told = json.loads(file_of(tmp_path).read_bytes())
    told["sealed"].update(cost)
    file_of(tmp_path).write_text(json.dumps(told))

    assert code_of(lambda: a_keyring(tmp_path, SECRET).unwrap(wrapped, "raw", "a")) == "key_damaged"


def test_a_keyring_that_vanishes_is_not_made_anew_by_who_has_seen_it(tmp_path: Path) -> None:
    keys = a_keyring(tmp_path)
    keys.wrap(DATA_KEY, "raw", "a")
    file_of(tmp_path).unlink()

    assert code_of(lambda: keys.wrap(DATA_KEY, "raw", "a")) == "key_damaged"
    assert not file_of(tmp_path).exists()


def test_every_writing_of_a_sealed_keyring_has_a_fresh_nonce_and_a_new_passphrase_a_fresh_salt(
    tmp_path: Path,
) -> None:
    keys = a_keyring(tmp_path, SECRET)

    def written() -> tuple[str, str]:
        box = json.loads(file_of(tmp_path).read_bytes())["sealed"]
        return box["salt"], box["nonce"]

    keys.wrap(DATA_KEY, "raw", "a")
    first = written()
    keys.rotate("raw")
    second = written()
    keys.seal_with(SECRET)
    third = written()

    assert first[0] == second[0] != third[0]
    assert len({first[1], second[1], third[1]}) == 3


def test_the_keyring_of_an_older_release_still_opens(tmp_path: Path) -> None:
    """Written by the first release that had keyrings, and kept as it was."""
    file_of(tmp_path).parent.mkdir(mode=0o700)
    kept = Path(__file__).parent / "kept"
    for name, passphrase in (("plain.json", None), ("sealed.json", SECRET)):
        file_of(tmp_path).write_bytes((kept / name).read_bytes())
        file_of(tmp_path).chmod(0o600)
        wrapped = (kept / "wrapped.txt").read_text().strip()

        keys = a_keyring(tmp_path, passphrase)

        assert keys.unwrap(wrapped, "raw", "a") == DATA_KEY
        assert [one.state for one in keys.describe()[0].versions] == ["destroyed", "old", "current"]
