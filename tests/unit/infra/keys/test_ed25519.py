import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.errors import Invalid, Refused
from bedside.infra.keys.ed25519 import Ed25519Signer

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")


def test_it_signs_as_the_standard_says() -> None:
    """The first example of RFC 8032, section 7.1."""
    signer = Ed25519Signer(SEED)

    assert signer.public_key_bytes.hex() == (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    assert signer.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    assert signer.private_key.private_bytes_raw() == SEED


@given(content=st.binary(), other=st.binary())
def test_a_signature_holds_for_its_own_bytes_only(content: bytes, other: bytes) -> None:
    signer = Ed25519Signer(SEED)
    signature = signer.sign(content)

    signer.verify(content, signature)

    if other != content:
        with pytest.raises(Refused) as refused:
            signer.verify(other, signature)
        assert refused.value.code == "bad_signature"


@given(place=st.integers(0, 511))
def test_a_signature_with_one_bit_changed_does_not_hold(place: int) -> None:
    signer = Ed25519Signer(SEED)
    changed = bytearray(signer.sign(b"a manifest"))
    changed[place // 8] ^= 1 << place % 8

    with pytest.raises(Refused):
        signer.verify(b"a manifest", bytes(changed))


@pytest.mark.parametrize("signature", [b"", b"short", bytes(64), bytes(65)])
def test_what_is_no_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(Refused):
        Ed25519Signer(SEED).verify(b"a manifest", signature)


def test_the_signature_of_another_key_is_refused() -> None:
    with pytest.raises(Refused):
        Ed25519Signer(SEED).verify(b"a manifest", Ed25519Signer(bytes(32)).sign(b"a manifest"))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_seed_has_32_bytes(length: int) -> None:
    with pytest.raises(Invalid):
        Ed25519Signer(bytes(length))
