import base64
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bedside.core.clock import SystemClock
from bedside.core.errors import Refused, Unavailable
from bedside.deploy.adapters.openssf import OpenSsfSigner
from bedside.deploy.package.sealing import seal
from bedside.infra.keys.keyring import FileKeyring
from bedside.infra.keys.secrets import Secrets


def the_secrets(folder: Path) -> Secrets:
    keys = FileKeyring(folder / "keyring.json", passphrase=None, clock=SystemClock())
    return Secrets(folder, keys)


def a_signer(folder: Path) -> OpenSsfSigner:
    secrets = the_secrets(folder)
    return OpenSsfSigner(
        secrets.signing_key_path(), secrets.public_key_path(), password=secrets.signing_password()
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundles"
    return folder / seal({"model.onnx": b"weights"}, {}, folder)


@pytest.fixture
def signature(tmp_path: Path, bundle: Path) -> Path:
    path = tmp_path / "bundle.sig"
    a_signer(tmp_path / "keys").sign(str(bundle), str(path))
    return path


def test_our_own_signature_holds_and_lies_beside_the_bundle(
    tmp_path: Path, bundle: Path, signature: Path
) -> None:
    a_signer(tmp_path / "keys").verify(str(bundle), str(signature))

    assert sorted(os.listdir(bundle)) == ["manifest.json", "model.onnx"]
    assert sorted(os.listdir(tmp_path)) == ["bundle.sig", "bundles", "keys"]


def test_the_signature_is_a_sigstore_bundle_that_lists_every_file(signature: Path) -> None:
    told = json.loads(signature.read_bytes())

    statement = json.loads(base64.b64decode(told["dsseEnvelope"]["payload"]))

    assert told["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    names = [resource["name"] for resource in statement["predicate"]["resources"]]
    assert names == ["manifest.json", "model.onnx"]


def test_another_key_is_refused_by_name(tmp_path: Path, bundle: Path, signature: Path) -> None:
    with pytest.raises(Refused, match="another key") as refused:
        a_signer(tmp_path / "stranger").verify(str(bundle), str(signature))

    assert refused.value.code == "bad_signature"


def test_another_key_that_claims_to_be_ours_is_refused(
    tmp_path: Path, bundle: Path, signature: Path
) -> None:
    ours = json.loads(signature.read_bytes())
    a_signer(tmp_path / "stranger").sign(str(bundle), str(signature))
    theirs = json.loads(signature.read_bytes())
    theirs["verificationMaterial"] = ours["verificationMaterial"]
    signature.write_text(json.dumps(theirs))

    with pytest.raises(Refused) as refused:
        a_signer(tmp_path / "keys").verify(str(bundle), str(signature))

    assert refused.value.code == "bad_signature"


def test_the_signature_of_another_bundle_is_refused(tmp_path: Path, bundle: Path) -> None:
    other = tmp_path / "bundles" / seal({"model.onnx": b"heavier"}, {}, tmp_path / "bundles")
    a_signer(tmp_path / "keys").sign(str(other), str(tmp_path / "other.sig"))

    with pytest.raises(Refused, match=r"model\.onnx"):
        a_signer(tmp_path / "keys").verify(str(bundle), str(tmp_path / "other.sig"))


def test_no_signature_is_not_a_good_signature(tmp_path: Path, bundle: Path) -> None:
    with pytest.raises(Refused) as refused:
        a_signer(tmp_path / "keys").verify(str(bundle), str(tmp_path / "none.sig"))

    assert refused.value.code == "unsigned"


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_a_signature_that_cannot_be_read_is_refused(
    tmp_path: Path, bundle: Path, signature: Path, content: bytes
) -> None:
    signature.write_bytes(content)

    with pytest.raises(Refused) as refused:
        a_signer(tmp_path / "keys").verify(str(bundle), str(signature))

    assert refused.value.code == "bad_signature"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("dsseEnvelope", "signatures"), []),
        (("dsseEnvelope", "signatures"), [{"sig": "AAAA", "keyid": ""}]),
        (("dsseEnvelope", "payloadType"), "text/plain"),
        (("mediaType",), "application/json"),
        (("verificationMaterial", "publicKey"), {"hint": None}),
        (("verificationMaterial",), {}),
    ],
)
def test_a_signature_with_an_edited_envelope_is_refused_and_nothing_is_printed(
    tmp_path: Path, bundle: Path, signature: Path, capsys: pytest.CaptureFixture[str],
    path: tuple[str, ...], value: object,
) -> None:  # fmt: skip
    told = json.loads(signature.read_bytes())
    inner = told
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    signature.write_text(json.dumps(told))

    with pytest.raises(Refused) as refused:
        a_signer(tmp_path / "keys").verify(str(bundle), str(signature))

    assert refused.value.code == "bad_signature"
    assert capsys.readouterr().out == ""


def test_a_statement_that_would_skip_a_file_is_refused(
    tmp_path: Path, bundle: Path, signature: Path
) -> None:
    told = json.loads(signature.read_bytes())
    statement = json.loads(base64.b64decode(told["dsseEnvelope"]["payload"]))
    statement["predicate"]["serialization"]["ignore_paths"] = ["model.onnx"]
    told["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    signature.write_text(json.dumps(told))

    with pytest.raises(Refused, match="every file"):
        a_signer(tmp_path / "keys").verify(str(bundle), str(signature))


def test_a_link_in_a_bundle_is_neither_signed_nor_verified(
    tmp_path: Path, bundle: Path, signature: Path
) -> None:
    (bundle / "link.txt").symlink_to("/etc/hostname")

    with pytest.raises(Refused):
        a_signer(tmp_path / "keys").sign(str(bundle), str(tmp_path / "new.sig"))
    with pytest.raises(Refused):
        a_signer(tmp_path / "keys").verify(str(bundle), str(signature))

    assert not (tmp_path / "new.sig").exists()


def test_a_signature_that_cannot_be_written_leaves_nothing(tmp_path: Path, bundle: Path) -> None:
    with pytest.raises(Unavailable):
        a_signer(tmp_path / "keys").sign(str(bundle), str(tmp_path / "nowhere" / "x.sig"))

    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("password", [None, "", "another"])
def test_a_key_is_used_with_its_own_password_only(
    tmp_path: Path, bundle: Path, password: str | None
) -> None:
    secrets = the_secrets(tmp_path / "keys")
    signer = OpenSsfSigner(secrets.signing_key_path(), secrets.public_key_path(), password=password)

    with pytest.raises(Refused, match="password") as refused:
        signer.sign(str(bundle), str(tmp_path / "new.sig"))

    assert refused.value.code == "cannot_sign"
    assert sorted(os.listdir(tmp_path)) == ["bundles", "keys"]


def test_a_key_without_a_password_is_used_without_one(tmp_path: Path, bundle: Path) -> None:
    secrets = the_secrets(tmp_path / "keys")
    private = load_pem_private_key(
        secrets.signing_key_path().read_bytes(), secrets.signing_password().encode()
    )
    plain = tmp_path / "plain.pem"
    plain.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    signature = str(tmp_path / "bundle.sig")
    OpenSsfSigner(plain, secrets.public_key_path()).sign(str(bundle), signature)

    a_signer(tmp_path / "keys").verify(str(bundle), signature)
