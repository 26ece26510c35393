import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, Refused
from bedside.infra.keys.keyring import FileKeyring
from bedside.infra.keys.secrets import Secrets
from key_services import racing

CLOCK = FixedClock(datetime(2026, 11, 3, 6, 30, tzinfo=UTC))
FILES = ["ledger.wrapped", "signing-pem.wrapped", "signing.pem"]
RACER = """
import sys
from pathlib import Path
from bedside.core.clock import SystemClock
from bedside.infra.keys.keyring import FileKeyring
from bedside.infra.keys.secrets import Secrets
folder = Path(sys.argv[1])
keys = FileKeyring(folder / "keyring.json", passphrase=None, clock=SystemClock())
secrets = Secrets(folder / "secrets", keys)
print("ready", flush=True)
sys.stdin.readline()
print(secrets.secret("ledger").hex(), secrets.signing_password(),
      secrets.public_key_path().read_bytes().hex())
"""


def a_keyring(folder: Path) -> FileKeyring:
    return FileKeyring(folder / "keys" / "keyring.json", passphrase=None, clock=CLOCK)


def the_secrets(folder: Path) -> Secrets:
    return Secrets(folder / "secrets", a_keyring(folder))


def all_made(folder: Path) -> Secrets:
    secrets = the_secrets(folder)
    secrets.secret("ledger", key="ledger")
    secrets.public_key_path()
    return secrets


def code_of(call: object) -> str:
    assert callable(call)
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.code


def test_secrets_are_made_once_and_then_stay(tmp_path: Path) -> None:
    first = all_made(tmp_path)

    again = the_secrets(tmp_path)

    assert again.secret("ledger", key="ledger") == first.secret("ledger", key="ledger")
    assert again.signing_password() == first.signing_password()
    assert again.signing_key_path().read_bytes() == first.signing_key_path().read_bytes()
    assert again.public_key_path().read_bytes() == first.public_key_path().read_bytes()


def test_each_name_has_its_own_secret(tmp_path: Path) -> None:
    secrets = the_secrets(tmp_path)

    made = {secrets.secret(name) for name in ("ledger", "manifest", "manifest-2")}

    assert len(made) == 3
    assert {len(secret) for secret in made} == {32}


@pytest.mark.parametrize("name", ["", "../raw", "a/b", "Ledger", "a_b", "-a", "a\n", "é"])
def test_a_secret_has_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid):
        the_secrets(tmp_path).secret(name)


def test_nothing_in_the_folder_opens_without_the_key_service(tmp_path: Path) -> None:
    secrets = all_made(tmp_path)
    ledger, password = secrets.secret("ledger", key="ledger"), secrets.signing_password()
    private = load_pem_private_key(secrets.signing_key_path().read_bytes(), password.encode())
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    number = private.private_numbers().private_value.to_bytes(32, "big")

    content = b"".join(path.read_bytes() for path in (tmp_path / "secrets").iterdir())

    for secret in (ledger, number):
        assert secret not in content
        assert secret.hex().encode() not in content
    assert password.encode() not in content
    with pytest.raises(TypeError):
        load_pem_private_key(secrets.signing_key_path().read_bytes(), None)


def test_the_signing_keys_are_the_two_halves_of_one_p_256_key(tmp_path: Path) -> None:
    secrets = the_secrets(tmp_path)

    private = load_pem_private_key(
        secrets.signing_key_path().read_bytes(), secrets.signing_password().encode()
    )
    public = load_pem_public_key(secrets.public_key_path().read_bytes())

    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert isinstance(private.curve, ec.SECP256R1)
    assert private.public_key() == public


def test_nobody_else_can_reach_the_files(tmp_path: Path) -> None:
    all_made(tmp_path)

    folder = tmp_path / "secrets"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes == dict.fromkeys([*FILES, "signing.pub", "secrets.lock"], 0o600)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
@pytest.mark.parametrize("name", [*FILES, "."])
def test_a_file_that_others_can_reach_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    all_made(tmp_path)
    (tmp_path / "secrets" / name).chmod(mode | 0o100)

    assert code_of(lambda: all_made(tmp_path)) == "key_exposed"


def test_the_public_half_may_be_read_by_others_but_not_replaced(tmp_path: Path) -> None:
    secrets = all_made(tmp_path / "ours")
    secrets.public_key_path().chmod(0o644)

    shared = secrets.public_key_path()
    shared.write_bytes(all_made(tmp_path / "theirs").public_key_path().read_bytes())

    assert code_of(secrets.public_key_path) == "key_damaged"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"cut", b"", b"{}", b"[]", b'{"key":1,"wrapped":2}'])
def test_a_damaged_file_is_refused_and_not_replaced(
    tmp_path: Path, name: str, content: bytes
) -> None:
    all_made(tmp_path)
    (tmp_path / "secrets" / name).write_bytes(content)

    assert code_of(lambda: all_made(tmp_path)) == "key_damaged"
    assert (tmp_path / "secrets" / name).read_bytes() == content


def test_a_secret_cannot_take_the_place_of_another(tmp_path: Path) -> None:
    secrets = all_made(tmp_path)
    secrets.secret("manifest", key="ledger")
    folder = tmp_path / "secrets"

    (folder / "ledger.wrapped").write_bytes((folder / "manifest.wrapped").read_bytes())

    assert code_of(lambda: secrets.secret("ledger", key="ledger")) == "wrong_key"


def test_a_secret_opens_with_the_key_that_wrapped_it_only(tmp_path: Path) -> None:
    secrets = all_made(tmp_path)

    assert code_of(lambda: secrets.secret("ledger", key="signing")) == "wrong_key"


def test_after_rewrapping_the_old_versions_can_go(tmp_path: Path) -> None:
    secrets, keys = all_made(tmp_path), a_keyring(tmp_path)
    ledger, public = secrets.secret("ledger", key="ledger"), secrets.public_key_path().read_bytes()
    for key in ("signing", "ledger"):
        keys.rotate(key)

    done = secrets.rewrap()

    for key in ("signing", "ledger"):
        keys.destroy(key, version=1)
    assert done == 2
    assert secrets.rewrap() == 2
    assert the_secrets(tmp_path).secret("ledger", key="ledger") == ledger
    assert the_secrets(tmp_path).public_key_path().read_bytes() == public


def test_rewrapping_passes_over_what_is_lost_already(tmp_path: Path) -> None:
    secrets, keys = all_made(tmp_path), a_keyring(tmp_path)
    keys.rotate("signing")
    keys.destroy("ledger")

    done = secrets.rewrap()

    keys.destroy("signing", version=1)
    assert done == 1
    assert len(secrets.signing_password()) == 64
    assert code_of(lambda: secrets.secret("ledger", key="ledger")) == "key_destroyed"


def test_a_rewrapped_secret_that_was_written_names_the_new_version(tmp_path: Path) -> None:
    secrets = all_made(tmp_path)
    a_keyring(tmp_path).rotate("signing")

    secrets.rewrap()

    told = json.loads((tmp_path / "secrets" / "signing-pem.wrapped").read_bytes())
    assert told["key"] == "signing"
    assert told["wrapped"].startswith("file:v2:")


def test_a_destroyed_key_takes_the_signing_key_with_it(tmp_path: Path) -> None:
    secrets = all_made(tmp_path)

    a_keyring(tmp_path).destroy("signing")

    for call in (secrets.signing_key_path, secrets.public_key_path, secrets.signing_password):
        assert code_of(call) == "key_destroyed"


def test_processes_that_race_for_the_first_secret_agree(tmp_path: Path) -> None:
    told = set(racing(RACER, [str(tmp_path)], racers=4))

    assert len(told) == 1
    assert len(told.pop().split()) == 3
    assert not [name for name in os.listdir(tmp_path / "secrets") if name.startswith(".")]
