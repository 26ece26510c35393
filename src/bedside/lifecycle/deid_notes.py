"""De-identification of notes in files, and training of the labeller that finds what rules miss."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bedside.core.errors import Invalid, NotFound, Unavailable
from bedside.core.ids import canonical_json
from bedside.core.ports.vault import Vault
from bedside.core.records.identifier import IdentifierSpan
from bedside.lifecycle.leaving import Leaving, WhoseRecords, content_of, leave_zone, tell_left
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.signed_effects import HandAsked
from bedside.privacy.memory_vault import MemoryVault
from bedside.privacy.rules import ReleasePlan
from bedside.privacy.text.annotated import AnnotatedNote, annotated_folder
from bedside.privacy.text.engine import NoteFinder, plugged_in
from bedside.privacy.text.known import KnownIdentifiers
from bedside.privacy.text.lists import Lists, bundled_lists, lists_with
from bedside.privacy.text.rules_pass import rules_for
from bedside.privacy.text.sampling import note_digest
from bedside.privacy.text.surrogates import Surrogates
from bedside.privacy.text.training import TrainingOptions, train
from bedside.privacy.text.weights import Weights, read_weights, write_weights

__all__ = ["NotesRun", "deidentify_notes", "labeller_of", "train_labeller"]

NOTICE = (
    "No certificate says yet how much these notes still tell. Until one does, they stay in the "
    "identified zone."
)
_AT_ONCE = 500  # notes
_LARGEST = 50_000_000  # bytes of one file


@dataclass(frozen=True, slots=True, kw_only=True)
class NotesRun:
    """What a person asks for.

    Args:
        source: A text file, or a folder of .txt files.
        out: A folder outside the source that is not there, or is empty.
        language: Of the notes.
        plan: The release mode, and what goes with it.
        known: A file of JSON lines: of each note what the record knows; or None.
        labeller: The digest of one that was trained in this workspace, or None.
        lists: A folder of more names and places, or None.
        project: Whose vault keeps the stand-ins; None: they are drawn for this run, and forgotten.
        finders: Names of plug-ins.
        certified: The data set whose certificate counts for these notes; empty: none does.
        notice: What the report says of how much is left.
    """

    source: Path
    out: Path
    language: str
    plan: ReleasePlan
    known: Path | None = None
    labeller: str | None = None
    lists: Path | None = None
    project: str | None = None
    finders: tuple[str, ...] = ()
    certified: str = ""
    notice: str = NOTICE

    def leaving(self) -> Leaving:
        """What exactly leaves: without a certificate nobody knows how much the notes still tell."""
        with_names = {"known": self.known, "lists": self.lists}
        return Leaving(
            action="deid.text",
            form="text",
            content=content_of(self.source),
            plan=self.plan,
            certified=bool(self.certified),
            how={
                "language": self.language,
                "labeller": self.labeller or "",
                "finders": list(self.finders),
                "certified": self.certified,
            }
            | {name: content_of(at).sha256 for name, at in with_names.items() if at is not None},
        )


@dataclass(frozen=True, slots=True)
class _Patient:
    subject: int | None
    known: KnownIdentifiers


def deidentify_notes(
    run: NotesRun, platform: Platform | None = None, hand: HandAsked | None = None
) -> dict[str, Any]:
    """Write every note with stand-ins, and a report of how many of each kind there were.

    The files are numbered in the order of the notes' names, since a name may name somebody too.

    Without a project's vault each note that `known` does not name is a patient of its own. In a
    workspace notes for which no certificate counts leave as identified ones.

    Returns:
        The report, which is `report.json` beside the notes; it holds numbers alone.

    Raises:
        Invalid: a file is not UTF-8, or `out` is not fit.
        NotFound: there is no note, or no such labeller.
        Refused: as `leave_zone`.
        Unavailable: the extra `deid` is not installed, or a result cannot be written.
    """
    paths = _notes(run.source)
    _check_out(run)
    lists = _lists(run.lists)
    weights = labeller_of(platform, run.labeller) if run.labeller else None
    finder = NoteFinder(run.language, lists=lists, weights=weights, passes=plugged_in(run.finders))
    patients = _patients(run.known) if run.known else {}
    leaving = None if platform is None else run.leaving()
    decision = None if platform is None or leaving is None else leave_zone(platform, leaving, hand)
    whose = WhoseRecords(salt="")
    surrogates = Surrogates(_vault(run, platform), run.plan.mode, run.language, lists=lists)
    counts: Counter[tuple[str, str]] = Counter()
    base = run.source if run.source.is_dir() else run.source.parent
    for first in range(0, len(paths), _AT_ONCE):
        chosen = paths[first : first + _AT_ONCE]
        texts = [_text(path) for path in chosen]
        names = [path.relative_to(base).as_posix() for path in chosen]
        known = [patients[name].known if name in patients else None for name in names]
        for place, (name, text, spans) in enumerate(
            zip(names, texts, finder.find(texts, known), strict=True), start=first + 1
        ):
            subject = patients[name].subject if name in patients else None
            whose.others |= subject is None
            whose.subjects |= set() if subject is None else {subject}
            alone = place if run.project is None else None
            done = surrogates.replace(text, spans, alone if subject is None else subject)
            _write(
                run.out / f"note-{place:06d}.txt", done.text.encode("utf-8", errors="surrogatepass")
            )
            counts.update(_counted(spans))
    report = _report(run, len(paths), counts)
    _write(run.out / "report.json", (json.dumps(report, indent=1) + "\n").encode())
    if platform is not None and leaving is not None:
        told = {key: value for key, value in report.items() if key not in ("kinds", "notice")}
        tell_left(platform, leaving, whose, decision=decision, told=told)
    return report


def train_labeller(
    platform: Platform,
    source: Path | Sequence[AnnotatedNote],
    language: str,
    *,
    kinds: Mapping[str, str] | None = None,
    lists: Path | None = None,
    options: TrainingOptions | None = None,
) -> dict[str, Any]:
    """Train a labeller on annotated notes, and keep it sealed in the workspace.

    It names words of the notes, so that it is as identified as they are, and never leaves.

    Returns:
        Its digest, which `NotesRun.labeller` asks for, and what it was trained on, in numbers.

    Raises:
        Invalid: a note or a label cannot be read.
        NotFound: the folder holds no annotated note.
        Unavailable: the extra `deid` is not installed.
    """
    notes = annotated_folder(source) if isinstance(source, Path) else source
    rules = rules_for(language, _lists(lists))
    weights = train(notes, rules, language=language, kinds=kinds, options=options)
    with platform.lock():
        digest = platform.objects.put(write_weights(weights))
        told = {
            "labeller": digest,
            "language": language,
            "notes": len(notes),
            "spans": sum(len(note.spans) for note in notes),
            "labels": sorted(weights.kinds),
            "properties": len(weights.properties),
            "options": asdict(options or TrainingOptions()),
        }
        seen = canonical_json(sorted({note_digest(note.text) for note in notes}))
        platform.ledger.append(platform.actor, "deid.train", told, sealed=seen)
    return told


def labeller_of(platform: Platform | None, digest: str) -> Weights:
    """A labeller of the workspace.

    Raises:
        NotFound: nothing has this digest, or no workspace was given.
        Invalid: it is no labeller.
    """
    if platform is None:
        raise NotFound(
            "A labeller lies in a workspace, and none was given.", fix="give --workspace."
        )
    return read_weights(platform.objects.get(digest), digest)


def _lists(folder: Path | None) -> Lists:
    return lists_with(folder) if folder else bundled_lists()


def _vault(run: NotesRun, platform: Platform | None) -> Vault:
    if platform is None or run.project is None:
        return MemoryVault()
    return platform.vaults.of(run.project)


def _notes(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    found = sorted(p for p in source.rglob("*.txt") if p.is_file() and not p.is_symlink())
    if not found:
        raise NotFound("There is no note here.", fix="give a text file, or a folder of .txt files.")
    return found


def _check_out(run: NotesRun) -> None:
    out = run.out.resolve()
    base = (run.source if run.source.is_dir() else run.source.parent).resolve()
    if out == base or base in out.parents:
        raise Invalid(
            "The results would lie among the notes they are made from.",
            fix="give --out a folder outside the source.",
        )
    if run.out.exists() and (not run.out.is_dir() or any(run.out.iterdir())):
        raise Invalid("The folder for the results is not empty.", fix="give a new folder.")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise Invalid("A note is too large to be one.", fix="divide the file into notes.")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("A note is not UTF-8.", fix="convert the notes to UTF-8.") from None
    except OSError:
        raise Unavailable("A note cannot be read.", fix="check the permissions.") from None


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError:
        raise Unavailable(
            "A result cannot be written.", fix="check the space and the permissions of --out."
        ) from None


def _counted(spans: Sequence[IdentifierSpan]) -> Counter[tuple[str, str]]:
    return Counter((span.kind.value, span.found_by) for span in spans)


def _report(run: NotesRun, notes: int, counts: Counter[tuple[str, str]]) -> dict[str, Any]:
    kinds: dict[str, dict[str, int]] = {}
    for (kind, by), count in sorted(counts.items()):
        kinds.setdefault(kind, {})[by] = count
    return {
        "notes": notes,
        "language": run.language,
        "mode": run.plan.mode.value,
        "labeller": run.labeller or "",
        "project": run.project or "",
        "identifiers": sum(counts.values()),
        "kinds": kinds,
        "notice": run.notice,
    }


def _patients(path: Path) -> dict[str, _Patient]:
    fault = Invalid(
        "The file of what is known is not of the form that is read.",
        fix='write a JSON object a line: {"note": "a.txt", "subject": 1, "names": ["..."], '
        '"dates": ["1950-03-01"]}.',
    )
    patients = {}
    try:
        for line in path.read_bytes().decode("utf-8").split("\n"):
            if not line.strip():
                continue
            read = json.loads(line)
            name, subject = read.pop("note"), read.pop("subject", None)
            if type(name) is not str or (subject is not None and type(subject) is not int):
                raise fault
            patients[name] = _Patient(subject, _known(read))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise fault from None
    return patients


def _known(read: Mapping[str, Any]) -> KnownIdentifiers:
    told: dict[str, Any] = {}
    for name, entries in read.items():
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            raise TypeError
        told[name] = tuple(
            date.fromisoformat(entry) if name == "dates" else entry for entry in entries
        )
    return KnownIdentifiers(**told)
