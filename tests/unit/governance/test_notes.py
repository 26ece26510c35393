"""Checkpoints are notes that any verifier of C2SP reads, and nothing else is read as one."""

from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.governance.notes import (
    COSIGNING,
    Checkpoint,
    CheckpointNote,
    NoteSignature,
    key_id,
    merged,
    note_of,
    read_note,
    witness_of,
)
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.infra.keys.note_keys import holds

OURS = Ed25519Signer(b"o" * 32)
TOLD = Checkpoint(origin="bedside.health/ledger/ab", size=12, root=bytes(range(32)))


def a_note() -> CheckpointNote:
    return note_of(TOLD, OURS.public_key_bytes, OURS.sign)


def test_the_example_of_the_signed_note_specification_holds():
    key = b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:]
    signed = b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )

    assert key_id("PeterNeumann", key).hex() == signed[:4].hex() == "c74f20a3"
    assert holds(key, text.encode(), signed[4:])
    assert not holds(key, text.encode() + b" ", signed[4:])


def test_a_checkpoint_has_three_lines_a_blank_one_and_its_signature():
    lines = a_note().text.split("\n")

    assert lines[:4] == [TOLD.origin, "12", b64encode(TOLD.root).decode(), ""]
    assert lines[4].startswith(f"— {TOLD.origin} ")
    assert lines[5:] == [""]
    assert read_note(a_note().text.encode()) == a_note()
    assert a_note().signed_with(OURS.public_key_bytes, holds)
    assert not a_note().signed_with(Ed25519Signer(b"x" * 32).public_key_bytes, holds)


def test_a_checkpoint_cut_at_any_byte_is_none_or_unsigned():
    whole = a_note().text.encode()

    for cut in range(len(whole)):
        with pytest.raises(Invalid):
            read_note(whole[:cut])


@given(st.data())
def test_a_checkpoint_with_a_flipped_bit_is_none_or_unsigned(data):
    content = bytearray(a_note().text.encode())
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8
    try:
        note = read_note(bytes(content))
    except Invalid:
        return

    assert not note.signed_with(OURS.public_key_bytes, holds)


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_strangers_bytes_are_refused_in_one_way(content):
    with pytest.raises(Invalid):
        read_note(content)


@pytest.mark.parametrize(
    "body", ["a\n012\nROOT\n", "a\n-1\nROOT\n", "a\n0\nROOT\n", "a b\n1\nROOT\n",
             "a\n1\nAAAA\n", "a\n1\nROOT\nmore\n", "a\n1\nROOT \n", "a\n1_0\nROOT\n"],
)  # fmt: skip
def test_what_the_specification_does_not_allow_is_no_checkpoint(body):
    body = body.replace("ROOT", b64encode(bytes(32)).decode())
    line = NoteSignature(name="a", key_id=bytes(4), signature=bytes(64)).line

    with pytest.raises(Invalid):
        read_note(f"{body}\n{line}".encode())


def test_a_witness_cosigns_what_they_saw_and_when():
    key = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
    public = key.public_key().public_bytes_raw()
    told = key_id("other.example", public, COSIGNING).hex()
    witness = witness_of(f"other.example+{told}+{b64encode(bytes([COSIGNING]) + public).decode()}")
    at = 1_790_000_000
    signed = key.sign(f"cosignature/v1\ntime {at}\n{TOLD.body}".encode())
    line = NoteSignature(
        name="other.example", key_id=witness.key_id, signature=at.to_bytes(8, "big") + signed
    )
    seen = CheckpointNote(checkpoint=TOLD, signatures=(line,))

    assert merged([a_note(), seen]).cosigned_by(witness, holds) == at
    assert a_note().cosigned_by(witness, holds) is None
    assert not seen.signed_with(public, holds)  # a witness is not the ledger


@pytest.mark.parametrize("text", ["", "a", "a+00000000+AAAA", "a+b+c", "a++"])
def test_what_is_no_key_of_a_witness_is_refused(text):
    with pytest.raises(Invalid):
        witness_of(text)
