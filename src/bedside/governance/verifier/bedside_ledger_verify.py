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
from typing import Any, Iterator, NamedTuple, Optional  # noqa: UP035

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LONGEST = 1 << 24  # bytes of one line or one small file


class Note(NamedTuple):
    """A checkpoint: what it says, and who signed it."""

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
    trusted: Optional[int]  # noqa: UP045


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


class Tree:
    """RFC 6962, grown leaf by leaf; `roots` keeps the root at each size that is wanted."""

    def __init__(self, wanted: set[int]) -> None:
        self.size, self.peaks, self.wanted = 0, [], wanted  # type: ignore[var-annotated]
        self.roots: dict[int, bytes] = {}

    def add(self, leaf: bytes, sha: Any = hashlib.sha256) -> None:
        """Add the hash of an entry."""
        node, full = sha(b"\0" + leaf).digest(), self.size
        while full & 1:
            node = sha(b"\1" + self.peaks.pop() + node).digest()
            full >>= 1
        self.peaks.append(node)
        self.size += 1
        if self.size in self.wanted:
            self.roots[self.size] = self.root()

    def root(self) -> bytes:
        """The root as the tree is now."""
        node: bytes = self.peaks[-1] if self.peaks else hashlib.sha256().digest()
        for peak in reversed(self.peaks[:-1]):
            node = inner(peak, node)
        return node


def inner(left: bytes, right: bytes) -> bytes:
    """The hash above two hashes."""
    return hashlib.sha256(b"\1" + left + right).digest()


def included(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """RFC 9162, section 2.1.3.2: whether the leaf stands at this place under the root."""
    node, at, last = hashlib.sha256(b"\0" + leaf).digest(), index, size - 1
    if not 0 <= index < size:
        return False
    for beside in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = inner(beside, node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = inner(node, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def signed(public: bytes, content: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature holds."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def note_of(content: bytes, file: str) -> Note:
    """Raises ValueError where it is no checkpoint."""
    body, rest = content.decode("utf-8").split("\n\n", 1)
    origin, size, root = body.split("\n")
    lines = rest.split("\n")
    if lines.pop() != "" or str(int(size)) != size or int(size) < 1 or not lines:
        raise ValueError("no checkpoint")
    signatures = []
    for line in lines:
        dash, name, encoded = line.split(" ")
        decoded = exactly(encoded)
        if dash != "\u2014" or len(decoded) < 5:
            raise ValueError("no signature line")
        signatures.append((name, decoded[:4], decoded[4:]))
    told = exactly(root)
    if len(told) != 32:
        raise ValueError("no root")
    return Note(file, origin, int(size), told, (body + "\n").encode(), signatures)


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


def signed_by(note: Note, public: bytes) -> bool:
    """Whether the ledger's key with these public bytes signed the checkpoint."""
    wanted = hashlib.sha256(note.origin.encode() + b"\n\x01" + public).digest()[:4]
    return any(
        name == note.origin and ident == wanted and signed(public, note.body, signature)
        for name, ident, signature in note.signatures
    )


def cosigned(note: Note, witness: str) -> bool:
    """Whether a witness, told as NAME+ID+KEY, cosigned it (cosignature/v1)."""
    name, ident, encoded = witness.split("+", 2)
    public = exactly(encoded)[1:]
    for who, told, signature in note.signatures:
        if (who, told.hex(), len(signature)) == (name, ident, 72):
            at = int.from_bytes(signature[:8], "big")
            text = f"cosignature/v1\ntime {at}\n".encode() + note.body
            if signed(public, text, signature[8:]):
                return True
    return False


def take_key(keys: list[Key], entry: dict[str, Any], origin: str, report: Report) -> None:
    """Follow an entry that introduces or revokes a key."""
    at, told = entry["sequence"], entry["details"]
    try:
        number = int(told["number"])
        if number < 1:
            raise ValueError("there is no such key")
        if entry["action"] == "checkpoint.revoke":
            old, size = keys[number - 1], int(told["trusted_size"])
            least = size if old.trusted is None else min(size, old.trusted)
            keys[number - 1] = old._replace(trusted=least)
            report.tell(f"entry {at}: key {number} is revoked beyond size {least}.")
            return
        public, handed = exactly(told["key"]), False
        if number <= len(keys) and keys[number - 1].public == public:
            return
        if number != len(keys) + 1 or len(public) != 32:
            raise ValueError("not the next key")
        if keys and "endorsed" in told:
            text = f"bedside-checkpoint-key/1\n{origin}\n{number}\n" + told["key"] + "\n"
            handed = signed(keys[-1].public, text.encode(), exactly(told["endorsed"]))
            if not handed or keys[-1].trusted is not None:
                raise ValueError("the key before did not sign it")
        keys.append(Key(number, public, at, handed, None))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        report.fault(f"entry {at}: its key makes no sense ({error}).")


def entries(path: str, report: Report) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Each entry's hash and content, while the chain is followed."""
    expected, previous, before, back = 1, "0" * 64, "", 0
    with open(path, "rb") as file:
        for line in iter(lambda: file.readline(LONGEST), b""):
            if not line.endswith(b"\n"):
                report.fault(f"entry {expected}: the file ends in the middle of it.")
                return
            digest = hashlib.sha256(line[:-1])
            try:
                entry = json.loads(line)
                sequence, before_it, at = entry["sequence"], entry["previous"], entry["at"]
                back += at < before
                entry["action"], entry["details"]
            except (ValueError, KeyError, TypeError, RecursionError):
                report.fault(f"entry {expected}: it is not an entry.")
                sequence, before_it, at, entry = expected, "", before, {"action": ""}
            if sequence != expected:
                report.fault(f"entry {expected}: entry {sequence} stands in its place.")
            elif before_it != previous:
                report.fault(f"entry {expected}: it does not follow the one before it.")
            expected, previous, before = expected + 1, digest.hexdigest(), at
            yield digest.digest(), entry
    if back:
        report.tell(f"the clock went back {back} times; that changes no entry.")


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


def check_note(note: Note, tree: Tree, keys: list[Key], origin: str, report: Report) -> bool:
    """Whether a checkpoint agrees with the entries and is signed with the key of its time."""
    where = f"checkpoint {note.file}"
    if note.origin != origin:
        report.fault(f"{where} is of another ledger, or this one was written anew.")
    elif note.size > tree.size:
        more = f"{where} says {note.size} entries, here are {tree.size}"
        report.fault(f"{more}: the rest was cut off, or the ledger put back.")
    elif tree.roots[note.size] != note.root:
        report.fault(f"{where} says that the first {note.size} entries were others.")
    else:
        key = next((one for one in reversed(keys) if one.since <= note.size), None)
        if key is None or not signed_by(note, key.public):
            report.fault(f"{where} is not signed with the key of its time.")
        elif key.trusted is not None and note.size > key.trusted:
            report.tell(f"{where} agrees, but its key was stolen by then: it does not count.")
        else:
            return True
    return False


def check_keys(keys: list[Key], trusted: set[bytes], report: Report) -> None:
    """Every key follows from one that you know, or is told to you for comparing."""
    known = False
    for key in keys:
        shown = base64.b64encode(key.public).decode()
        if key.public in trusted:
            known = True
            report.tell(f"key {key.number} is one that you know: {shown}", "ok")
        elif key.handed_over:
            report.tell(f"key {key.number} was signed by key {key.number - 1}: {shown}", "ok")
        elif key.number == 1:
            report.tell(f"key 1, compare it with what the hospital tells you: {shown}")
        else:
            more = f"key {key.number} was not signed by the one before"
            report.fault(f"{more}: confirm it with --key {shown}")
    if trusted and not known:
        report.fault("none of the keys that you gave is a key of this ledger.")


def check_bundle(folder: str, seen: list[Note], told: argparse.Namespace) -> int:
    """Check the whole folder; how many faults there are."""
    report = Report()
    bundle = json.loads(small(os.path.join(folder, "bundle.json")))
    if bundle.get("format") != "bedside-ledger-export/1":
        raise ValueError("bundle.json is of another format")
    check_files(folder, bundle, report)
    place = os.path.join(folder, "checkpoints")
    names = [one for one in sorted(os.listdir(place)) if one.endswith((".checkpoint", ".cosigned"))]
    kept = []
    for name in names:
        try:
            kept.append(note_of(small(os.path.join(place, name)), name))
        except ValueError:
            report.fault(f"checkpoint {name} cannot be read.")
    tree, keys, origin = Tree({note.size for note in [*kept, *seen]}), list[Key](), ""
    for digest, entry in entries(os.path.join(folder, "entries.jsonl"), report):
        origin = origin or "bedside.health/ledger/" + digest.hex()[:32]
        if entry["action"] in ("checkpoint.key", "checkpoint.revoke"):
            take_key(keys, entry, origin, report)
        tree.add(digest)
    agreed = [note for note in kept if check_note(note, tree, keys, origin, report)]
    newest = max((note.size for note in agreed), default=0)
    if newest != tree.size:
        report.fault(f"no checkpoint that counts covers all {tree.size} entries.")
    for note in seen:
        if check_note(note._replace(file=note.file + " (yours)"), tree, keys, origin, report):
            report.tell(f"the ledger goes on from your checkpoint of {note.size} entries.", "ok")
    check_keys(keys, {exactly(one) for one in told.key}, report)
    for witness in told.witness:
        count = sum(cosigned(note, witness) for note in kept)
        report.tell(f"{count} cosigned by {witness[:60]}.") if count else report.fault(
            f"no checkpoint is cosigned by {witness[:60]}."
        )
    report.tell(f"{tree.size} entries read, {len(agreed)} checkpoints agree with them.", "ok")
    if not seen:
        report.tell("you gave no checkpoint of your own: keep the newest one for the next time.")
    return report.faults


def check_proof(path: str, seen: list[Note], told: argparse.Namespace) -> int:
    """Check that one entry is under a checkpoint; how many faults there are."""
    report, proof = Report(), json.loads(small(path))
    note = note_of(proof["checkpoint"].encode(), "in the proof")
    leaf = hashlib.sha256(proof["entry"].encode()).digest()
    hashes = [bytes.fromhex(one) for one in proof["hashes"]]
    if not included(leaf, proof["index"], note.size, hashes, note.root):
        report.fault("the entry is not the one under this checkpoint.")
    key = exactly(proof["key"])
    if not signed_by(note, key):
        report.fault("the checkpoint is not signed with the key that the proof names.")
    if key not in {exactly(one) for one in told.key}:
        report.tell("compare the key with what the hospital tells you: {}".format(proof["key"]))
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
