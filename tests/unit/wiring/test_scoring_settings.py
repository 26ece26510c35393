"""What a server that only scores may be told, and what it refuses."""

import pytest

from bedside.core.errors import Invalid
from bedside.serve.auth import token_digest
from bedside.wiring.scoring_settings import SCORING_VARIABLES, scoring_settings
from house import ROOT


@pytest.fixture
def told(tmp_path):
    """The least that must be said."""
    (tmp_path / "token").write_text(token_digest("open") + "\n")
    return {
        "BEDSIDE_RELEASE": str(tmp_path / "release"),
        "BEDSIDE_STATE": str(tmp_path / "state"),
        "BEDSIDE_TOKEN_SHA256_FILE": str(tmp_path / "token"),
    }


def test_the_least_serves_on_loopback_with_nothing_allowed(told):
    settings = scoring_settings(told)

    assert (settings.host, settings.port, settings.allowed_hosts) == ("127.0.0.1", 8080, ())
    assert not settings.exposure.is_protected
    assert settings.token_sha256 == token_digest("open")


def test_secrets_come_from_files_and_never_show(told, tmp_path):
    (tmp_path / "passphrase").write_text("a long passphrase that seals\n")
    (tmp_path / "database").write_text("postgresql://ward:secret@db/ledger\n")
    told |= {
        "BEDSIDE_KEY_PASSPHRASE_FILE": str(tmp_path / "passphrase"),
        "BEDSIDE_DATABASE_FILE": str(tmp_path / "database"),
    }

    settings = scoring_settings(told)

    assert settings.workspace.passphrase == "a long passphrase that seals"  # noqa: S105
    assert settings.workspace.database == "postgresql://ward:secret@db/ledger"
    assert "seals" not in repr(settings)
    assert "secret@" not in repr(settings)
    assert settings.token_sha256 not in repr(settings)


@pytest.mark.parametrize("missing", ["RELEASE", "STATE", "TOKEN_SHA256_FILE"])
def test_what_must_be_said_is_named_when_it_is_not(told, missing):
    del told[f"BEDSIDE_{missing}"]

    with pytest.raises(Invalid, match=f"BEDSIDE_{missing}") as refusal:
        scoring_settings(told)

    assert refusal.value.code == "setting"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BEDSIDE_PORT", "0"),
        ("BEDSIDE_PORT", "65536"),
        ("BEDSIDE_PORT", "-1"),
        ("BEDSIDE_PORT", "http"),
        ("BEDSIDE_BEHIND_PROXY", "yes"),
        ("BEDSIDE_ALLOWED_HOSTS", "ward.example,*"),
        ("BEDSIDE_ALLOWED_HOSTS", "http://ward"),
        ("BEDSIDE_TLS_CERTIFICATE", "/run/tls/tls.crt"),
        ("BEDSIDE_TLS_KEY", "/run/tls/tls.key"),
        ("BEDSIDE_TOKEN_SHA256_FILE", "/nowhere/token"),
        ("BEDSIDE_KEY_PASSPHRASE_FILE", "/nowhere/passphrase"),
        ("BEDSIDE_CANARY_KEY_FILE", "/nowhere/key"),
        ("BEDSIDE_CDS_CLIENTS", "/nowhere/clients"),
        ("BEDSIDE_ACCESS", "/nowhere/access"),
    ],
)
def test_what_is_not_as_it_must_be_is_refused_without_its_value(told, name, value):
    with pytest.raises(Invalid) as refusal:
        scoring_settings(told | {name: value})

    assert value not in refusal.value.problem or value == "0"
    assert "BEDSIDE_" in refusal.value.problem


def test_the_key_of_a_canary_and_the_clients_of_cds_hooks_are_where_they_are_said_to_be(
    told, tmp_path
):
    (tmp_path / "key").write_text("0f" * 32 + "\n")
    (tmp_path / "cds_clients.json").write_text("{}")
    told |= {
        "BEDSIDE_CANARY_KEY_FILE": str(tmp_path / "key"),
        "BEDSIDE_CDS_CLIENTS": str(tmp_path),
    }

    settings = scoring_settings(told)

    assert settings.canary_key == bytes([15] * 32)
    assert settings.cds_clients == tmp_path
    assert "canary_key" not in repr(settings)


@pytest.mark.parametrize("content", [b"", b"open", b"f" * 63, b"\xff" * 64, b"a\nb", b"f" * 9999])
def test_a_file_without_the_digest_of_a_token_is_refused(told, tmp_path, content):
    (tmp_path / "token").write_bytes(content)

    with pytest.raises(Invalid, match="BEDSIDE_TOKEN_SHA256_FILE"):
        scoring_settings(told)


def test_a_proxy_or_a_certificate_with_its_key_protects(told):
    proxy = scoring_settings(told | {"BEDSIDE_BEHIND_PROXY": "1"}).exposure
    tls = {"BEDSIDE_TLS_CERTIFICATE": "/run/tls.crt", "BEDSIDE_TLS_KEY": "/run/tls.key"}

    assert proxy.is_protected
    assert scoring_settings(told | tls).exposure.is_protected
    assert not scoring_settings(told | {"BEDSIDE_BEHIND_PROXY": "0"}).exposure.is_protected


def test_the_how_to_names_every_variable():
    page = (ROOT / "docs" / "howto" / "deploy.md").read_text()

    assert [name for name in SCORING_VARIABLES if f"`{name}`" not in page] == []
