"""Signed notes and checkpoints of the ledger: their text, their signatures, and how they are read.

Source: C2SP signed-note, tlog-checkpoint and tlog-cosignature (Ed25519, `cosignature/v1`).
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from bedside.core.errors import Invalid

__all__ = [
    "COSIGNING",
    "LARGEST",
    "SIGNING",
    "Checkpoint",
    "CheckpointNote",
    "NoteSignature",
    "Verify",
    "Witness",
    "key_id",
    "merged",
    "note_of",
    "read_note",
    "witness_of",
]

Verify = Callable[[bytes, bytes, bytes], bool]
"""Whether an Ed25519 signature holds: of a public key, over a content, the signature."""

SIGNING, COSIGNING = 1, 4  # signature types of signed-note: Ed25519, and a timestamped cosignature
LARGEST = 1 << 16  # bytes of a note
_MOST = 64  # signatures of a note
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}")
_SIZE = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a checkpoint says: of which ledger, after how many entries, which root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @property
    def name(self) -> str:
        """What its file is called: the same only where it says the same."""
        return f"{self.size:016d}-{sha256(self.body.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line: who signed, the first four bytes of the key's hash, and the rest."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """As it stands in the note."""
        return f"— {self.name} {b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointNote:
    """A checkpoint with its signatures."""

    checkpoint: Checkpoint
    signatures: tuple[NoteSignature, ...]

    @property
    def text(self) -> str:
        """The whole note."""
        return f"{self.checkpoint.body}\n{''.join(one.line for one in self.signatures)}"

    def signed_with(self, public: bytes, verify: Verify) -> bool:
        """Whether the ledger's key with these 32 public bytes signed it."""
        origin, body = self.checkpoint.origin, self.checkpoint.body.encode()
        wanted = key_id(origin, public)
        return any(
            one.name == origin and one.key_id == wanted and verify(public, body, one.signature)
            for one in self.signatures
        )

    def cosigned_by(self, witness: "Witness", verify: Verify) -> int | None:
        """When a witness cosigned it, in seconds since 1970; None where it did not."""
        for one in self.signatures:
            if (one.name, one.key_id) != (witness.name, witness.key_id):
                continue
            if len(one.signature) != 72:
                continue
            at = int.from_bytes(one.signature[:8], "big")
            told = f"cosignature/v1\ntime {at}\n{self.checkpoint.body}".encode()
            if verify(witness.public, told, one.signature[8:]):
                return at
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Somebody else who cosigns what they saw: their name and 32 public bytes."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of their key's hash."""
        return key_id(self.name, self.public, COSIGNING)


def key_id(name: str, public: bytes, kind: int = SIGNING) -> bytes:
    """Four bytes by which a signature line says which key made it.

    >>> key_id("example.com/log", bytes(32)).hex()
    'a3ad76db'
    """
    return sha256(f"{name}\n".encode() + bytes([kind]) + public).digest()[:4]


def note_of(
    checkpoint: Checkpoint, public: bytes, sign: Callable[[bytes], bytes]
) -> CheckpointNote:
    """The checkpoint, signed by the ledger's key."""
    name = checkpoint.origin
    signed = NoteSignature(
        name=name, key_id=key_id(name, public), signature=sign(checkpoint.body.encode())
    )
    return CheckpointNote(checkpoint=checkpoint, signatures=(signed,))


def read_note(content: bytes) -> CheckpointNote:
    """The checkpoint of these bytes; its signatures are not checked here.

    Raises:
        Invalid: they are no checkpoint note (code `no_checkpoint`).
    """
    if len(content) > LARGEST:
        raise _no_note()
    try:
        body, signed = content.decode().split("\n\n", 1)
        origin, size, root, *_extensions = body.split("\n")
        told = Checkpoint(origin=origin, size=int(size), root=_exactly(root))
    except (ValueError, NoBase64):
        raise _no_note() from None
    lines = signed.split("\n")
    is_sound = (
        _NAME.fullmatch(origin) is not None
        and _SIZE.fullmatch(size) is not None
        and len(told.root) == 32
        and told.body == f"{body}\n"  # no extension lines: they would be signed, and not read
        and lines.pop() == ""
        and 0 < len(lines) <= _MOST
    )
    if not is_sound:
        raise _no_note()
    return CheckpointNote(checkpoint=told, signatures=tuple(_signature(line) for line in lines))


def witness_of(text: str) -> Witness:
    """A witness's verifier key, `NAME+ID+KEY`, as the witness publishes it.

    Raises:
        Invalid: it is no such key.
    """
    try:
        name, told, encoded = text.split("+", 2)
        decoded = _exactly(encoded)
        witness = Witness(name=name, public=decoded[1:])
        if decoded[0] != COSIGNING or len(decoded) != 33 or witness.key_id.hex() != told:
            raise ValueError
    except (ValueError, IndexError, NoBase64):
        raise Invalid(
            "That is not the key of a witness.",
            fix="give NAME+ID+KEY as the witness publishes it, of the type cosignature/v1.",
            code="witness",
        ) from None
    return witness


def merged(notes: Sequence[CheckpointNote]) -> CheckpointNote:
    """One note with every signature of notes that say the same."""
    signatures = dict.fromkeys(one for note in notes for one in note.signatures)
    return CheckpointNote(checkpoint=notes[0].checkpoint, signatures=tuple(signatures))


def _signature(line: str) -> NoteSignature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        content = _exactly(encoded)
    except (ValueError, NoBase64):
        raise _no_note() from None
    if dash != "—" or _NAME.fullmatch(name) is None or len(content) < 5:
        raise _no_note()
    return NoteSignature(name=name, key_id=content[:4], signature=content[4:])


def _exactly(text: str) -> bytes:
    """What base64 text says, if no other text says the same."""
    content = b64decode(text, validate=True)
    if b64encode(content).decode() != text:
        raise ValueError
    return content


def _no_note() -> Invalid:
    return Invalid(
        "That is no checkpoint of a ledger.",
        fix="give the file as it was written; fetch it again from where it was kept.",
        code="no_checkpoint",
    )
