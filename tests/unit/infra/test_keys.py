import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from bedside.core.errors import Invalid, Refused
from bedside.infra.keys.file import FileKeys

RACER = """
import sys
from pathlib import Path
from bedside.infra.keys.file import FileKeys
keys = FileKeys(Path(sys.argv[1]))
sys.stdin.readline()
print(keys.data_key().hex(), keys.ledger_key().private_bytes_raw().hex(),
      keys.public_key_path().read_bytes().hex())
"""


def all_made(folder: Path) -> FileKeys:
    keys = FileKeys(folder)
    keys.data_key()
    keys.ledger_key()
    keys.public_key_path()
    return keys


def test_keys_are_made_once_and_then_stay(tmp_path: Path) -> None:
    first = all_made(tmp_path / "keys")

    again = FileKeys(tmp_path / "keys")

    assert again.data_key() == first.data_key()
    assert again.derive("objects") == first.derive("objects")
    assert again.ledger_key().private_bytes_raw() == first.ledger_key().private_bytes_raw()
    assert again.signing_key_path().read_bytes() == first.signing_key_path().read_bytes()


def test_nobody_else_can_reach_the_keys(tmp_path: Path) -> None:
    all_made(tmp_path / "keys")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}

    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert modes == dict.fromkeys(["data.key", "ledger.key", "signing.pem", "signing.pub"], 0o600)


def test_each_purpose_has_its_own_key(tmp_path: Path) -> None:
    keys = all_made(tmp_path / "keys")

    derived = [keys.derive(purpose) for purpose in ("objects", "ledger", "object", "1/objects")]

    assert len({*derived, keys.data_key()}) == 5
    assert {len(key) for key in derived} == {32}
    with pytest.raises(Invalid):
        keys.derive("")


def test_the_signing_keys_are_the_two_halves_of_one_p_256_key(tmp_path: Path) -> None:
    keys = FileKeys(tmp_path / "keys")

    private = load_pem_private_key(keys.signing_key_path().read_bytes(), password=None)
    public = load_pem_public_key(keys.public_key_path().read_bytes())

    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert isinstance(private.curve, ec.SECP256R1)
    assert private.public_key() == public


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610])
@pytest.mark.parametrize("name", ["data.key", "ledger.key", "signing.pem", "."])
def test_a_key_that_others_can_reach_is_refused_with_the_command_that_closes_it(
    tmp_path: Path, name: str, mode: int
) -> None:
    all_made(tmp_path / "keys")
    (tmp_path / "keys" / name).chmod(mode | 0o100)

    with pytest.raises(Refused, match=r"chmod [67]00") as refused:
        all_made(tmp_path / "keys")

    assert refused.value.code == "key_exposed"


def test_the_public_half_may_be_read_by_others_but_not_replaced(tmp_path: Path) -> None:
    keys = all_made(tmp_path / "keys")
    keys.public_key_path().chmod(0o644)

    shared = keys.public_key_path()
    shared.write_bytes(all_made(tmp_path / "other").public_key_path().read_bytes())

    with pytest.raises(Refused) as refused:
        keys.public_key_path()
    assert refused.value.code == "key_damaged"


@pytest.mark.parametrize("name", ["data.key", "ledger.key", "signing.pem"])
def test_a_cut_key_is_refused_and_not_replaced(tmp_path: Path, name: str) -> None:
    all_made(tmp_path / "keys")
    (tmp_path / "keys" / name).write_bytes(b"cut")

    with pytest.raises(Refused) as refused:
        all_made(tmp_path / "keys")

    assert refused.value.code == "key_damaged"
    assert (tmp_path / "keys" / name).read_bytes() == b"cut"


def test_processes_that_race_for_the_first_key_agree(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path / "keys")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]

    told = {racer.communicate("go\n", timeout=60)[0] for racer in racers}

    assert len(told) == 1
    assert len(told.pop().split()) == 3
    assert not [name for name in os.listdir(tmp_path / "keys") if name.startswith(".")]
