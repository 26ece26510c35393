"""What is AWS's own: aliases, a wait of seven days, and a mark that outlives deleted keys.

The KMS is moto's server. It still decrypts with a key that is pending deletion, which AWS does not;
so what these tests show of destroyed keys is what Bedside itself checks.
"""

import socket
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from bedside.core.errors import Invalid, Refused, Unavailable
from bedside.infra.keys.aws import AwsKeys
from key_services import kms_server

pytestmark = pytest.mark.xdist_group("keys_aws")  # its fixtures are made once

DATA_KEY = bytes(range(32))


@pytest.fixture(scope="module")
def options() -> Iterator[dict[str, Any]]:
    with kms_server() as address:
        yield {
            "region_name": "eu-central-1",
            "endpoint_url": address,
            "aws_access_key_id": "of-the-tests",
            "aws_secret_access_key": "of-the-tests",
        }


@pytest.fixture
def client(options: dict[str, Any]) -> Iterator[Any]:
    client = boto3.client("kms", **options)
    yield client
    client.close()


@pytest.fixture
def prefix() -> str:
    return f"ward-{uuid4().hex[:8]}"


@pytest.fixture
def keys(options: dict[str, Any], prefix: str) -> Iterator[AwsKeys]:
    keys = AwsKeys(options, prefix)
    yield keys
    keys.close()


def aliases_of(client: Any, prefix: str) -> dict[str, str]:
    found = client.list_aliases()["Aliases"]
    start = f"alias/bedside/{prefix}/"
    return {
        one["AliasName"].removeprefix(start): one["TargetKeyId"]
        for one in found
        if one["AliasName"].startswith(start)
    }


def state_of(client: Any, number: str) -> str:
    return str(client.describe_key(KeyId=number)["KeyMetadata"]["KeyState"])


def asked_by(keys: AwsKeys) -> list[str]:
    """The names of the calls that it makes from now on."""
    asked: list[str] = []
    keys._kms._client.meta.events.register(
        "before-call.kms", lambda model, **_: asked.append(model.name)
    )
    return asked


def usable_of(client: Any, prefix: str) -> list[str]:
    """The KMS keys of a workspace that can be used, by id."""
    found = [one["KeyId"] for one in client.list_keys()["Keys"]]
    told = [client.describe_key(KeyId=number)["KeyMetadata"] for number in found]
    return [
        one["KeyId"]
        for one in told
        if prefix in one["Description"] and one["KeyState"] == "Enabled"
    ]


@pytest.mark.parametrize("prefix", ["", "a/b", "a b", "a:b", "é", "x" * 65])
def test_a_prefix_is_a_plain_name(options: dict[str, Any], prefix: str) -> None:
    with pytest.raises(Invalid):
        AwsKeys(options, prefix)


def test_options_that_make_no_client_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    with pytest.raises(Invalid):
        AwsKeys({}, "ward")
    with pytest.raises(Invalid):
        AwsKeys({"region_name": "eu-central-1", "endpoint_url": "nowhere"}, "ward")


def test_each_version_is_a_kms_key_behind_an_alias(client: Any, keys: AwsKeys, prefix: str) -> None:
    keys.wrap(DATA_KEY, "raw", "a")
    keys.rotate("raw")

    aliases = aliases_of(client, prefix)

    assert sorted(aliases) == ["raw/v1", "raw/v2"]
    assert len(set(aliases.values())) == 2


def test_a_destroyed_version_is_disabled_scheduled_and_marked(
    client: Any, keys: AwsKeys, prefix: str
) -> None:
    keys.wrap(DATA_KEY, "raw", "a")
    keys.rotate("raw")
    before = aliases_of(client, prefix)
    asked = asked_by(keys)

    keys.destroy("raw", version=1)

    changes = [name for name in asked if not name.startswith(("Describe", "List"))]
    assert changes[-3:] == ["DisableKey", "ScheduleKeyDeletion", "UpdateAlias"]
    after = aliases_of(client, prefix)
    told = client.describe_key(KeyId=before["raw/v1"])["KeyMetadata"]
    assert (told["KeyState"], told["Enabled"]) == ("PendingDeletion", False)
    assert after["raw/v1"] == after["destroyed"] != before["raw/v1"]
    assert after["raw/v2"] == before["raw/v2"]
    assert state_of(client, after["raw/v2"]) == "Enabled"


def test_a_key_that_an_administrator_brings_back_stays_destroyed_for_us(
    client: Any, keys: AwsKeys, prefix: str, options: dict[str, Any]
) -> None:
    wrapped = keys.wrap(DATA_KEY, "raw", "a")
    number = aliases_of(client, prefix)["raw/v1"]
    keys.destroy("raw")
    client.cancel_key_deletion(KeyId=number)
    client.enable_key(KeyId=number)

    again = AwsKeys(options, prefix)

    for call in (
        lambda: again.unwrap(wrapped, "raw", "a"),
        lambda: again.wrap(DATA_KEY, "raw", "a"),
    ):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code == "key_destroyed"
    again.close()


def test_a_key_scheduled_for_deletion_by_somebody_else_is_not_used(
    client: Any, keys: AwsKeys, prefix: str
) -> None:
    wrapped = keys.wrap(DATA_KEY, "raw", "a")

    client.schedule_key_deletion(KeyId=aliases_of(client, prefix)["raw/v1"], PendingWindowInDays=7)

    with pytest.raises(Refused) as refused:
        keys.unwrap(wrapped, "raw", "a")
    assert refused.value.code == "key_destroyed"


@pytest.mark.parametrize("steps", ["disabled", "scheduled"])
def test_destroying_may_stop_anywhere_and_be_done_again(
    client: Any, keys: AwsKeys, prefix: str, steps: str
) -> None:
    keys.wrap(DATA_KEY, "raw", "a")
    number = aliases_of(client, prefix)["raw/v1"]
    client.disable_key(KeyId=number)
    if steps == "scheduled":
        client.schedule_key_deletion(KeyId=number, PendingWindowInDays=7)

    keys.destroy("raw")

    assert state_of(client, number) == "PendingDeletion"
    aliases = aliases_of(client, prefix)
    assert aliases["raw/v1"] == aliases["destroyed"]


def test_a_disabled_key_is_unavailable_and_not_lost(
    client: Any, keys: AwsKeys, prefix: str
) -> None:
    wrapped = keys.wrap(DATA_KEY, "raw", "a")
    number = aliases_of(client, prefix)["raw/v1"]
    client.disable_key(KeyId=number)

    for call in (
        lambda: keys.unwrap(wrapped, "raw", "a"),
        lambda: keys.wrap(DATA_KEY, "raw", "a"),
    ):
        with pytest.raises(Unavailable) as unavailable:
            call()
        assert unavailable.value.code == "key_disabled"

    client.enable_key(KeyId=number)
    assert keys.unwrap(wrapped, "raw", "a") == DATA_KEY


def test_a_version_number_that_was_changed_in_the_text_is_noticed(keys: AwsKeys) -> None:
    wrapped = keys.wrap(DATA_KEY, "raw", "a")
    keys.rotate("raw")
    changed = wrapped.replace(":v1:", ":v2:")

    for call in (
        lambda: keys.unwrap(changed, "raw", "a"),
        lambda: keys.rewrap(changed, "raw", "a"),
    ):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code in {"wrong_key", "keys_forbidden"}


def test_no_data_key_leaves_kms_when_it_is_wrapped_anew(keys: AwsKeys) -> None:
    wrapped = keys.wrap(DATA_KEY, "raw", "a")
    keys.rotate("raw")
    asked = asked_by(keys)

    keys.rewrap(wrapped, "raw", "a")

    assert "ReEncrypt" in asked
    assert not {"Decrypt", "Encrypt"} & set(asked)


def test_a_kms_that_is_not_there_is_unavailable(options: dict[str, Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        at_once = Config(retries={"max_attempts": 0})
        keys = AwsKeys({**options, "endpoint_url": address, "config": at_once}, "ward")

        with pytest.raises(Unavailable) as unavailable:
            keys.wrap(DATA_KEY, "raw", "a")

    keys.close()
    assert unavailable.value.code == "keys_unavailable"
    assert unavailable.value.__suppress_context__ or unavailable.value.__context__ is None


def test_whoever_loses_the_race_for_a_first_version_leaves_no_kms_key_behind(
    client: Any, keys: AwsKeys, prefix: str, options: dict[str, Any]
) -> None:
    faster = AwsKeys(options, prefix)
    wrapped: list[str] = []

    def overtaken(**_: object) -> None:
        if not wrapped:
            wrapped.append(faster.wrap(DATA_KEY, "raw", "a"))

    keys._kms._client.meta.events.register("before-call.kms.CreateAlias", overtaken)
    wrapped.append(keys.wrap(DATA_KEY, "raw", "a"))

    assert [keys.unwrap(text, "raw", "a") for text in wrapped] == [DATA_KEY, DATA_KEY]
    assert usable_of(client, prefix) == [aliases_of(client, prefix)["raw/v1"]]
    faster.close()


def test_whoever_loses_the_race_for_the_mark_leaves_no_kms_key_behind(
    client: Any, keys: AwsKeys, prefix: str, options: dict[str, Any]
) -> None:
    faster = AwsKeys(options, prefix)
    for key in ("raw", "features"):
        keys.wrap(DATA_KEY, key, "a")
    told: list[None] = []

    def overtaken(**_: object) -> None:
        if not told:
            told.append(faster.destroy("features"))

    keys._kms._client.meta.events.register("before-call.kms.CreateAlias", overtaken)
    keys.destroy("raw")

    aliases = aliases_of(client, prefix)
    assert set(aliases) == {"raw/v1", "features/v1", "destroyed"}
    assert usable_of(client, prefix) == [aliases["destroyed"]]
    assert len(set(aliases.values())) == 1
    faster.close()
