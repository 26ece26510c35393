"""No byte of a bundle can change, and no file come or go, without being refused and named."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.core.errors import Refused
from bedside.core.ids import digest_bytes
from bedside.core.records.bundle import MANIFEST
from bedside.deploy.adapters.openssf import OpenSsfSigner
from bedside.deploy.package.sealing import read_sealed, seal
from stored import secrets_in

FILES = {
    "bedside.yaml": b"name: biopsy\n",
    "model.onnx": bytes(range(256)) * 20,
    "evidence.json": b'{"auroc":0.99}',
    "empty.txt": b"",
}
FACTS = {"model": "biopsy", "threshold": 0.5}
thorough = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, OpenSsfSigner]:
    folder = tmp_path_factory.mktemp("bundles")
    keys = secrets_in(folder / "keys")
    signer = OpenSsfSigner(
        keys.signing_key_path(), keys.public_key_path(), password=keys.signing_password()
    )
    digest = seal(FILES, FACTS, folder)
    signer.sign(str(folder / digest), str(folder / f"{digest}.sig"))
    return folder, digest, signer


@pytest.fixture
def restored(signed: tuple[Path, str, OpenSsfSigner]) -> Iterator[Path]:
    """The bundle's folder; every file is as it was when the test ends."""
    place = signed[0] / signed[1]
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    yield place
    for path in place.iterdir():
        path.unlink()
    for name, content in before.items():
        (place / name).write_bytes(content)


@pytest.mark.parametrize("name", [MANIFEST, *(name for name in FILES if FILES[name])])
@given(data=st.data())
@thorough
def test_one_changed_byte_anywhere_is_refused_and_its_file_named(
    signed: tuple[Path, str, OpenSsfSigner], name: str, data: st.DataObject
) -> None:
    folder, digest, _ = signed
    path = folder / digest / name
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1), label="offset")
    mask = data.draw(st.integers(1, 255), label="mask")

    path.write_bytes(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :])
    try:
        with pytest.raises(Refused, match=name) as refused:
            read_sealed(folder, digest)
    finally:
        path.write_bytes(whole)

    assert refused.value.code == "bundle_tampered"
    assert read_sealed(folder, digest) == FILES


@given(
    files=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,9}\.[a-z]{1,4}", fullmatch=True).filter(
            lambda name: name != MANIFEST
        ),
        st.binary(max_size=200),
        max_size=5,
    ),
    facts=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3),
)
@settings(thorough, max_examples=20)
def test_what_is_sealed_opens_the_same_and_has_one_address(
    tmp_path: Path, files: dict[str, bytes], facts: dict[str, object]
) -> None:
    digest = seal(files, facts, tmp_path / "one")

    again = seal(dict(reversed(files.items())), facts, tmp_path / "two")

    manifests = [(tmp_path / place / digest / MANIFEST).read_bytes() for place in ("one", "two")]
    assert again == digest == digest_bytes(manifests[0])
    assert manifests[0] == manifests[1]
    assert read_sealed(tmp_path / "two", digest) == files


@pytest.mark.parametrize("name", [MANIFEST, *FILES])
def test_a_changed_file_is_refused_by_the_signature_and_named(
    signed: tuple[Path, str, OpenSsfSigner], restored: Path, name: str
) -> None:
    folder, digest, signer = signed

    (restored / name).write_bytes((restored / name).read_bytes() + b"\n")

    with pytest.raises(Refused, match=name) as refused:
        signer.verify(str(folder / digest), str(folder / f"{digest}.sig"))
    assert refused.value.code == "bundle_tampered"


@pytest.mark.parametrize("name", [MANIFEST, *FILES])
def test_a_missing_file_is_refused_by_seal_and_signature_and_named(
    signed: tuple[Path, str, OpenSsfSigner], restored: Path, name: str
) -> None:
    folder, digest, signer = signed

    (restored / name).unlink()

    with pytest.raises(Refused, match=name):
        read_sealed(folder, digest)
    with pytest.raises(Refused, match=name):
        signer.verify(str(folder / digest), str(folder / f"{digest}.sig"))


@pytest.mark.parametrize("name", ["extra.txt", ".gitignore", ".gitattributes", "MODEL.ONNX"])
def test_an_added_file_is_refused_by_seal_and_signature_and_named(
    signed: tuple[Path, str, OpenSsfSigner], restored: Path, name: str
) -> None:
    folder, digest, signer = signed

    (restored / name).write_bytes(b"")

    with pytest.raises(Refused, match=name):
        read_sealed(folder, digest)
    with pytest.raises(Refused, match=name):
        signer.verify(str(folder / digest), str(folder / f"{digest}.sig"))


def test_a_renamed_file_is_refused_under_both_names(
    signed: tuple[Path, str, OpenSsfSigner], restored: Path
) -> None:
    folder, digest, signer = signed

    (restored / "model.onnx").rename(restored / "other.onnx")

    with pytest.raises(Refused, match=r"other\.onnx"):
        read_sealed(folder, digest)
    with pytest.raises(Refused, match=r"other\.onnx.*model\.onnx"):
        signer.verify(str(folder / digest), str(folder / f"{digest}.sig"))
