"""The ledger as others take it away: a folder checked without Bedside, and single proofs."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import bedside.governance
from bedside.core.clock import iso
from bedside.core.disk import disk_trouble
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json, digest_bytes
from bedside.governance.checkpoint_keys import KeyHistory
from bedside.governance.checkpointing import Grown, LinkSource, origin_of
from bedside.governance.ledger import Link, canonical_entry
from bedside.governance.merkle import inclusion_proof
from bedside.governance.notes import CheckpointNote
from bedside.governance.shipping import Place, kept_in
from bedside.lifecycle.ledger_checkpoints import CheckpointBooks, checkpoint
from bedside.lifecycle.platform import Platform

__all__ = ["VERIFIER", "LedgerExport", "Proved", "export_ledger", "prove_entry"]

VERIFIER = "bedside_ledger_verify.py"
_ENTRIES = "entries.jsonl"
_README = """\
This folder is a copy of the ledger of a Bedside workspace: who did what, when and what for.
It holds no patient's record: what belongs to a patient was sealed, and is not here. A
`subject_tag` is a keyed pseudonym that leads nowhere without the hospital's keys.

Check it on a computer of your own, with Python 3.9 or later:

    pip install cryptography
    python {verifier} .

Take the program from a source that you trust, and not only from this folder. Then:

1. Compare the key that it prints with the one that the hospital told you by another way, and
   give it with --key the next time.
2. Keep the newest file of `checkpoints/`. At the next audit give it with --seen FILE: the ledger
   must still hold every entry of today, unchanged.

`{entries}`: one entry a line; the SHA-256 of a line is the hash of its entry, which the
next one repeats as `previous`. `checkpoints/`: signed roots of the tree over those hashes.
`keys.json`: the keys that signed them. `bundle.json`: the digest of every file.
"""


class TextSource(LinkSource, Protocol):
    """A ledger that also gives the bytes that were hashed."""

    def texts(self, until: int) -> Iterator[tuple[Link, bytes]]:
        """Each entry up to `until`, its link and the bytes that were hashed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerExport:
    """What was written: where, how many entries and checkpoints, and the newest of them."""

    folder: str
    entries: int
    checkpoints: int
    newest: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """Where the proof lies, of which entry, under the checkpoint of how many."""

    file: str
    sequence: int
    size: int
    key: str


def export_ledger(platform: Platform, books: CheckpointBooks, folder: Path) -> LedgerExport:
    """Write a copy of the ledger that an auditor checks without Bedside; no sealed part is in it.

    The export is an entry, and a checkpoint is made of it; the copy ends there.

    Args:
        platform: The workspace.
        books: Its checkpoints.
        folder: A folder that is empty or does not exist yet.

    Raises:
        Invalid: the folder holds something.
        Refused: as `checkpoint`.
        Unavailable: the ledger is broken (code `ledger_broken`), or the disk refuses.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Invalid("The folder to export to is not empty.", fix="give a new folder.")
    platform.ledger.append(platform.actor, "ledger.export", {"form": "bundle"})
    note = _made(platform, books)
    grown, size = books.checkpointer.last(), note.checkpoint.size
    history = books.checkpointer.history(grown)
    try:
        (folder / "checkpoints").mkdir(parents=True)
        digests = {_ENTRIES: _entries(books, folder / _ENTRIES, size)}
    except OSError as error:
        raise disk_trouble(error) from None
    files = _checkpoints(books, size) | {
        "keys.json": _keys(history, grown),
        VERIFIER: _verifier(),
        "README.txt": _README.format(verifier=VERIFIER, entries=_ENTRIES).encode(),
    }
    for name, content in files.items():
        platform.write(folder / name, content)
        digests[name] = digest_bytes(content)
    told = {
        "format": "bedside-ledger-export/1",
        "origin": note.checkpoint.origin,
        "size": size,
        "exported_at": iso(platform.clock.now()),
        "files": digests,
    }
    platform.write(folder / "bundle.json", canonical_json(told) + b"\n")
    return LedgerExport(
        folder=str(folder),
        entries=size,
        checkpoints=sum(name.endswith(".checkpoint") for name in files),
        newest=f"checkpoints/{note.checkpoint.name}.checkpoint",
        key=_key(history, size),
    )


def prove_entry(platform: Platform, books: CheckpointBooks, sequence: int, file: Path) -> Proved:
    """Write a proof that one entry is in the ledger, as a checkpoint signs it.

    Args:
        platform: The workspace.
        books: Its checkpoints.
        sequence: Of the entry.
        file: A file that is not there yet.

    Raises:
        NotFound: there is no such entry.
        Refused: the file is there already (code `file_exists`), or as `checkpoint`.
    """
    if file.exists():
        raise Refused("The file is there already.", fix="give another name.", code="file_exists")
    entry = books.links.entry(sequence)
    platform.ledger.append(platform.actor, "ledger.prove", {"entry": sequence})
    note = _made(platform, books)
    grown, told = books.checkpointer.last(), note.checkpoint
    links = (link for link in books.links.links() if link.sequence <= told.size)
    hashes = inclusion_proof([bytes.fromhex(link.hash) for link in links], sequence - 1)
    key = _key(books.checkpointer.history(grown), told.size)
    proof = {
        "format": "bedside-ledger-proof/1",
        "entry": canonical_entry(entry).decode(),
        "index": sequence - 1,
        "hashes": [one.hex() for one in hashes],
        "checkpoint": note.text,
        "key": key,
    }
    platform.write(file, canonical_json(proof) + b"\n")
    return Proved(file=str(file), sequence=sequence, size=told.size, key=key)


def _made(platform: Platform, books: CheckpointBooks) -> CheckpointNote:
    note = checkpoint(platform, books).note
    if note is None:
        raise NotFound("The ledger is empty.", fix="use Bedside first.")
    return note


def _entries(books: CheckpointBooks, path: Path, until: int) -> str:
    """Write one entry a line; the SHA-256 of the file."""
    source: TextSource = books.links  # type: ignore[assignment]
    digest = sha256()
    with path.open("xb") as file:
        for _, text in source.texts(until):
            line = text + b"\n"
            digest.update(line)
            file.write(line)
    return digest.hexdigest()


def _checkpoints(books: CheckpointBooks, until: int) -> dict[str, bytes]:
    """Every checkpoint of the workspace, and what witnesses cosigned in the places."""
    places = [Place(name="", blobs=books.kept), *books.places]
    return {
        f"checkpoints/{one.file}": one.note.text.encode()
        for place in reversed(places)
        for one in kept_in(place)
        if one.note is not None and one.note.checkpoint.size <= until
    }


def _keys(history: KeyHistory, grown: Grown) -> bytes:
    told = [
        {
            "number": one.number,
            "key": b64encode(one.public).decode(),
            "since_entry": one.since,
            "signed_by_the_key_before": one.endorsed,
            "trusted_size": one.trusted_size,
        }
        for one in history.keys
    ]
    return canonical_json({"origin": origin_of(grown.first), "keys": told}) + b"\n"


def _key(history: KeyHistory, size: int) -> str:
    key = history.key_for(size)
    return "" if key is None else b64encode(key.public).decode()


def _verifier() -> bytes:
    return (Path(bedside.governance.__file__).parent / "verifier" / VERIFIER).read_bytes()
