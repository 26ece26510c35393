"""What the environment may say of a workspace, and what it may not."""

from pathlib import Path

import pytest

from bedside.core.errors import Invalid
from bedside.wiring.settings import VARIABLES, Settings, settings_of

HERE = Path("ward")


def test_without_any_variable_everything_lies_in_the_folder():
    assert settings_of(HERE, {}) == Settings(folder=HERE)


def test_each_variable_chooses_its_adapter():
    found = settings_of(
        HERE,
        {
            "BEDSIDE_DATABASE": "postgresql://u:secret@db/bedside",
            "BEDSIDE_OBJECTS": "s3://ward-data/a/b",
            "BEDSIDE_S3_ENDPOINT": "http://127.0.0.1:9000",
            "BEDSIDE_KEYS": "vault+https://vault:8200/transit-2",
            "BEDSIDE_VAULT_TOKEN": "token-secret",
            "BEDSIDE_KEYS_PREFIX": "ward-7",
            "BEDSIDE_ENGINE": "ray:127.0.0.1:6379",
            "BEDSIDE_RAY_TOKEN": "ray-secret",
            "BEDSIDE_KEY_PASSPHRASE": "passphrase-secret",
        },
    )

    assert (found.bucket, found.prefix) == ("ward-data", "a/b")
    assert (found.keys, found.key_address) == ("vault", "https://vault:8200")
    assert (found.key_mount, found.keys_prefix) == ("transit-2", "ward-7")
    assert found.ray == "127.0.0.1:6379"
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("where", "keys", "address"),
    [
        ("awskms:eu-central-1", "awskms", "eu-central-1"),
        ("vault+http://127.0.0.1:8200", "vault", "http://127.0.0.1:8200"),
    ],
)
def test_the_key_service_is_named_by_its_address(where, keys, address):
    found = settings_of(HERE, {"BEDSIDE_KEYS": where})

    assert (found.keys, found.key_address) == (keys, address)


@pytest.mark.parametrize(("text", "workers"), [("local", 0), ("local:4", 4)])
def test_the_local_engine_may_be_given_its_workers(text, workers):
    found = settings_of(HERE, {"BEDSIDE_ENGINE": text})

    assert (found.workers, found.ray) == (workers, None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("BEDSIDE_DATABASE", "mysql://u:hunter2@db/x"),
        ("BEDSIDE_OBJECTS", "https://hunter2"),
        ("BEDSIDE_OBJECTS", "s3://Bad_Bucket!hunter2"),
        ("BEDSIDE_KEYS", "hunter2"),
        ("BEDSIDE_ENGINE", "local:hunter2"),
        ("BEDSIDE_ENGINE", "local:0"),
    ],
)
def test_a_variable_that_is_not_right_is_named_and_its_value_is_not_repeated(name, text):
    with pytest.raises(Invalid) as error:
        settings_of(HERE, {name: text})

    assert name in str(error.value)
    assert VARIABLES[name] in error.value.fix
    assert "hunter2" not in str(error.value)
