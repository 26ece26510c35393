"""A person's key opens with their passphrase alone, and lies where they alone can reach it."""

import pytest

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.infra.keys.person import PersonKeys, passphrase_in

WORDS = "grüne Felder im Regen"
ADA = "user:ada"


def test_a_key_opens_with_its_passphrase_alone_and_for_its_person_alone(tmp_path):
    keys = PersonKeys(tmp_path / "keys")
    made = keys.make(ADA, WORDS)

    assert keys.unlocked(ADA, WORDS).public_key_bytes == made.public_key_bytes
    assert keys.has(ADA)
    assert not keys.has("user:ben")
    with pytest.raises(Refused) as wrong:
        keys.unlocked(ADA, WORDS + "!")
    with pytest.raises(NotFound):
        keys.unlocked("user:ben", WORDS)
    (path,) = (tmp_path / "keys").glob("*.json")
    path.rename(keys._path("user:ben"))
    with pytest.raises(Refused) as moved:
        keys.unlocked("user:ben", WORDS)

    assert (wrong.value.code, moved.value.code) == ("wrong_passphrase", "key_damaged")
    assert WORDS not in str(wrong.value)


def test_a_key_or_a_passphrase_that_others_can_read_is_refused(tmp_path):
    keys = PersonKeys(tmp_path / "keys")
    keys.make(ADA, WORDS)
    (path,) = (tmp_path / "keys").glob("*.json")
    path.chmod(0o640)
    words = tmp_path / "words"
    words.write_text(WORDS + "\n")
    words.chmod(0o600)

    assert passphrase_in(words) == WORDS
    words.chmod(0o644)
    for read in (lambda: keys.unlocked(ADA, WORDS), lambda: passphrase_in(words)):
        with pytest.raises(Refused) as exposed:
            read()
        assert exposed.value.code == "key_exposed"


def test_a_passphrase_is_long_enough(tmp_path):
    with pytest.raises(Invalid) as short:
        PersonKeys(tmp_path).make(ADA, "elf Zeichen")

    assert short.value.code == "passphrase"
