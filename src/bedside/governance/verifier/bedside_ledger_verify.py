#!/usr/bin/env python3
"""Checks an exported Bedside ledger, on any computer, without Bedside.

    python bedside_ledger_verify.py FOLDER [--seen CHECKPOINT] [--key KEY] [--witness KEY]
    python bedside_ledger_verify.py --proof FILE [--seen CHECKPOINT] [--key KEY]

It needs Python 3.9 or later and `cryptography` alone; it opens no connection and writes nothing.
Give with --seen every checkpoint that you kept from before: only so can you know that the ledger
was not put back or written anew since. Give with --key the public key (base64) that you were told
by another way than this folder.

Exit code: 0 nothing is wrong; 1 something was changed, left out or is not confirmed; 2 it cannot be
read. Formats: RFC 6962 (tree), C2SP signed-note, tlog-checkpoint, tlog-cosignature (checkpoints).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import sys
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LONGEST = 1 << 24  # bytes of one line or one small file


class Note(NamedTuple):
    """A checkpoint: what it says, and who signed it (name, id, signature)."""

    file: str
    origin: str
    size: int
    root: bytes
    body: bytes
    signatures: list[tuple[str, bytes, bytes]]


class Key(NamedTuple):
    """A key that signs checkpoints; `trusted` is the last size that counts once it was stolen."""

    number: int
    public: bytes
    since: int
    handed_over: bool
    trusted: int | None


class Report:
    """What is found, told as it is found; only what is WRONG counts."""

    faults = 0

    def fault(self, text: str) -> None:
        """Something is wrong; only the first fifty are printed."""
        self.faults += 1
        if self.faults <= 50:
            print(f"WRONG  {text}")

    def tell(self, text: str, kind: str = "note") -> None:
        """It was checked (ok), or nothing is wrong but it should be known (note)."""
        print(f"{kind:6} {text}")


def sha(content: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(content).digest()


class Ledger:
    """The entries as they are read: their chain, their keys, and their tree (RFC 6962).

    `roots` keeps the root of the tree at each size that is wanted.
    """

    def __init__(self, wanted: set[int], report: Report) -> None:
        self.size, self.origin, self.report, self.wanted = 0, "", report, wanted
        self.keys: list[Key] = []
        self.peaks: list[bytes] = []
        self.roots: dict[int, bytes] = {}

    def read(self, path: str) -> None:
        """Follow the chain of the entries in a file."""
        previous, before, back = "0" * 64, "", 0
        with open(path, "rb") as file:
            for line in iter(lambda: file.readline(LONGEST), b""):
                expected, digest = self.size + 1, sha(line[:-1])
                if not line.endswith(b"\n"):
                    self.report.fault(f"entry {expected}: the file ends in the middle of it.")
                    break
                try:
                    entry = json.loads(line)
                    sequence, before_it, at = entry["sequence"], entry["previous"], entry["at"]
                    back += at < before
                    action, told = entry["action"], entry["details"]
                except (ValueError, KeyError, TypeError, RecursionError):
                    self.report.fault(f"entry {expected}: it is not an entry.")
                    sequence, before_it, at, action, told = expected, "", before, "", {}
                if sequence != expected:
                    self.report.fault(f"entry {expected}: entry {sequence} stands in its place.")
                elif before_it != previous:
                    self.report.fault(f"entry {expected}: it does not follow the one before it.")
                self.origin = self.origin or "bedside.health/ledger/" + digest.hex()[:32]
                if action in ("checkpoint.key", "checkpoint.revoke"):
                    self.take_key(sequence, action, told)
                self.add(digest)
                previous, before = digest.hex(), at
        if back:
            self.report.tell(f"the clock went back {back} times; that changes no entry.")

    def take_key(self, at: int, action: str, told: dict[str, Any]) -> None:
        """Follow an entry that introduces or revokes a key."""
        keys = self.keys
        try:
            place = int(told["number"]) - 1
            if place < 0:
                raise ValueError("there is no such key")
            if action == "checkpoint.revoke":
                old, size = keys[place], int(told["trusted_size"])
                least = size if old.trusted is None else min(size, old.trusted)
                keys[place] = old._replace(trusted=least)
                self.report.tell(f"entry {at}: key {place + 1} is revoked beyond size {least}.")
                return
            public, handed = exactly(told["key"]), False
            if place < len(keys) and keys[place].public == public:
                return
            if place != len(keys) or len(public) != 32:
                raise ValueError("not the next key")
            if keys and "endorsed" in told:
                text = f"bedside-checkpoint-key/1\n{self.origin}\n{place + 1}\n{told['key']}\n"
                handed = signed(keys[-1].public, text.encode(), exactly(told["endorsed"]))
                if not handed or keys[-1].trusted is not None:
                    raise ValueError("the key before did not sign it")
            keys.append(Key(place + 1, public, at, handed, None))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            self.report.fault(f"entry {at}: its key makes no sense ({error}).")

    def add(self, leaf: bytes) -> None:
        """Let the tree grow by the hash of an entry."""
        node, full = sha(b"\0" + leaf), self.size
        while full & 1:
            node = sha(b"\1" + self.peaks.pop() + node)
            full >>= 1
        self.peaks.append(node)
        self.size += 1
        if self.size in self.wanted:
            for peak in reversed(self.peaks[:-1]):
                node = sha(b"\1" + peak + node)
            self.roots[self.size] = node

    def agrees(self, note: Note) -> bool:
        """Whether a checkpoint agrees with the entries and is signed with the key of its time."""
        where = f"checkpoint {note.file}"
        key = next((one for one in reversed(self.keys) if one.since <= note.size), None)
        if note.origin != self.origin:
            self.report.fault(f"{where} is of another ledger, or this one was written anew.")
        elif note.size > self.size:
            more = f"{where} says {note.size} entries, here are {self.size}"
            self.report.fault(f"{more}: the rest was cut off, or the ledger put back.")
        elif self.roots[note.size] != note.root:
            self.report.fault(f"{where} says that the first {note.size} entries were others.")
        elif key is None or not signed_by(note, key.public):
            self.report.fault(f"{where} is not signed with the key of its time.")
        elif key.trusted is not None and note.size > key.trusted:
            self.report.tell(f"{where} agrees, but its key was stolen by then: it does not count.")
        else:
            return True
        return False

    def check_keys(self, trusted: set[bytes]) -> None:
        """Every key follows from one that you know, or is told to you for comparing."""
        for key in self.keys:
            shown, number = base64.b64encode(key.public).decode(), key.number
            if key.public in trusted:
                self.report.tell(f"key {number} is one that you know: {shown}", "ok")
            elif key.handed_over:
                self.report.tell(f"key {number} was signed by key {number - 1}: {shown}", "ok")
            elif number == 1:
                self.report.tell(f"key 1, compare it with what the hospital tells you: {shown}")
            else:
                more = f"key {number} was not signed by the one before"
                self.report.fault(f"{more}: confirm it with --key {shown}")
        if trusted and not trusted & {key.public for key in self.keys}:
            self.report.fault("none of the keys that you gave is a key of this ledger.")


def included(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """RFC 9162, section 2.1.3.2: whether the leaf stands at this place under the root."""
    node, at, last = sha(b"\0" + leaf), index, size - 1
    if not 0 <= index < size:
        return False
    for beside in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = sha(b"\1" + beside + node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = sha(b"\1" + node + beside)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def signed(public: bytes, content: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature holds."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def signed_by(note: Note, public: bytes) -> bool:
    """Whether the ledger's key with these public bytes signed the checkpoint."""
    wanted = note.origin, sha(note.origin.encode() + b"\n\x01" + public)[:4]
    return any((n, i) == wanted and signed(public, note.body, s) for n, i, s in note.signatures)


def cosigned(note: Note, witness: str) -> bool:
    """Whether a witness, told as NAME+ID+KEY, cosigned it (cosignature/v1)."""
    name, ident, encoded = witness.split("+", 2)
    public = exactly(encoded)[1:]
    for who, told, signature in note.signatures:
        if (who, told.hex(), len(signature)) == (name, ident, 72):
            text = f"cosignature/v1\ntime {int.from_bytes(signature[:8], 'big')}\n".encode()
            if signed(public, text + note.body, signature[8:]):
                return True
    return False


def exactly(text: str) -> bytes:
    """Base64 that is written the one way it can be."""
    content = base64.b64decode(text, validate=True)
    if base64.b64encode(content).decode() != text:
        raise ValueError("not base64")
    return content


def small(path: str) -> bytes:
    """A small file."""
    with open(path, "rb") as file:
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise ValueError("too large")
    return content


def note_of(content: bytes, file: str) -> Note:
    """Raises ValueError where it is no checkpoint."""
    body, rest = content.decode("utf-8").split("\n\n", 1)
    origin, size, encoded = body.split("\n")
    *lines, end = rest.split("\n")
    root, signatures = exactly(encoded), []
    if end or not lines or str(int(size)) != size or int(size) < 1 or len(root) != 32:
        raise ValueError("no checkpoint")
    for line in lines:
        dash, name, told = line.split(" ")
        if dash != "\u2014" or len(exactly(told)) < 5:
            raise ValueError("no signature line")
        signatures.append((name, exactly(told)[:4], exactly(told)[4:]))
    return Note(file, origin, int(size), root, (body + "\n").encode(), signatures)


def check_files(folder: str, bundle: dict[str, Any], report: Report) -> None:
    """Every file is as it was when the folder was written."""
    for name, told in sorted(bundle["files"].items()):
        digest = hashlib.sha256()
        try:
            if ".." in name or os.path.isabs(name):
                raise OSError
            with open(os.path.join(folder, name), "rb") as file:
                for part in iter(lambda: file.read(1 << 20), b""):
                    digest.update(part)
        except OSError:
            report.fault(f"{name} is missing.")
            continue
        if digest.hexdigest() != told:
            report.fault(f"{name} is not as it was written.")


def check_bundle(folder: str, seen: list[Note], told: argparse.Namespace) -> int:
    """Check the whole folder; how many faults there are."""
    report = Report()
    bundle = json.loads(small(os.path.join(folder, "bundle.json")))
    if bundle.get("format") != "bedside-ledger-export/1":
        raise ValueError("bundle.json is of another format")
    check_files(folder, bundle, report)
    place, kept = os.path.join(folder, "checkpoints"), []
    for name in sorted(os.listdir(place)):
        try:
            if name.endswith((".checkpoint", ".cosigned")):
                kept.append(note_of(small(os.path.join(place, name)), name))
        except ValueError:
            report.fault(f"checkpoint {name} cannot be read.")
    ledger = Ledger({note.size for note in [*kept, *seen]}, report)
    ledger.read(os.path.join(folder, "entries.jsonl"))
    agreed = [note for note in kept if ledger.agrees(note)]
    if max((note.size for note in agreed), default=0) != ledger.size:
        report.fault(f"no checkpoint that counts covers all {ledger.size} entries.")
    for note in seen:
        if ledger.agrees(note._replace(file=note.file + " (yours)")):
            report.tell(f"the ledger goes on from your checkpoint of {note.size} entries.", "ok")
    ledger.check_keys({exactly(one) for one in told.key})
    for witness in told.witness:
        count = sum(cosigned(note, witness) for note in kept)
        report.tell(f"{count} cosigned by {witness[:60]}.") if count else report.fault(
            f"no checkpoint is cosigned by {witness[:60]}."
        )
    report.tell(f"{ledger.size} entries read, {len(agreed)} checkpoints agree with them.", "ok")
    if not seen:
        report.tell("you gave no checkpoint of your own: keep the newest one for the next time.")
    return report.faults


def check_proof(path: str, seen: list[Note], told: argparse.Namespace) -> int:
    """Check that one entry is under a checkpoint; how many faults there are."""
    report, proof = Report(), json.loads(small(path))
    note, key = note_of(proof["checkpoint"].encode(), "in the proof"), exactly(proof["key"])
    hashes = [bytes.fromhex(one) for one in proof["hashes"]]
    if not included(sha(proof["entry"].encode()), proof["index"], note.size, hashes, note.root):
        report.fault("the entry is not the one under this checkpoint.")
    if not signed_by(note, key):
        report.fault("the checkpoint is not signed with the key that the proof names.")
    if key not in {exactly(one) for one in told.key}:
        report.tell(f"compare the key with what the hospital tells you: {proof['key']}")
    for one in seen:
        if one.origin != note.origin or (one.size == note.size and one.root != note.root):
            report.fault(f"your checkpoint {one.file} says otherwise.")
    if not report.faults:
        entry = json.loads(proof["entry"])
        what = f"entry {entry['sequence']} ({entry['action']}, at {entry['at']})"
        report.tell(f"{what} is one of the {note.size} that the checkpoint signs.", "ok")
    return report.faults


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Checks an exported Bedside ledger.")
    parser.add_argument("folder", nargs="?", help="the exported folder")
    parser.add_argument("--proof", help="a proof of one entry")
    parser.add_argument("--seen", action="append", default=[], help="a checkpoint of your own")
    parser.add_argument("--key", action="append", default=[], help="a key that you know")
    parser.add_argument("--witness", action="append", default=[], help="NAME+ID+KEY")
    told = parser.parse_args()
    try:
        seen = [note_of(small(one), os.path.basename(one)) for one in told.seen]
        if bool(told.folder) == bool(told.proof):
            parser.error("give the exported folder, or --proof FILE")
        check = check_proof if told.proof else check_bundle
        faults = check(told.proof or told.folder, seen, told)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, AttributeError) as error:
        print(f"This cannot be read: {error}")
        return 2
    print(f"{faults} WRONG: do not rely on it." if faults else "Nothing is wrong.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
