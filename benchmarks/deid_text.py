"""How much of what identifies somebody in notes is found, and how fast beside plain `re`.

    python benchmarks/deid_text.py            # speed alone: what `make bench` runs
    python benchmarks/deid_text.py figures    # trains on MEDDOCAN and on Presidio's sentences, too

The floor is twelve plain patterns of the standard library over the same notes. Presidio with a
blank model is measured in the same run where it is installed; else it stands at the 87,000
characters per second that were measured once on one core. Times are of the processor, so that
other work on the machine does not count.
"""

import csv
import gzip
import json
import re
import statistics
import sys
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bedside.privacy.text.annotated import AnnotatedNote, LabelledSpan, brat_note
from bedside.privacy.text.engine import NoteFinder
from bedside.privacy.text.rules_pass import rules_for
from bedside.privacy.text.scores import Score, Share, score_notes, spans_by_kind
from bedside.privacy.text.tagger import Tagger
from bedside.privacy.text.tokens import tokens_of
from bedside.privacy.text.training import TrainingOptions, train
from bedside.privacy.text.weights import Weights

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
PRESIDIO = 87_000  # characters per second, blank model, 18 recognisers, one core, recorded once
FLOOR = [
    re.compile(pattern)
    for pattern in (
        r"\b\d{1,2}/\d{1,2}/\d{2,4}\b", r"\b\d{4}-\d{2}-\d{2}\b",
        r"\b(?:January|February|March|April|May|June|July|August)\b \d{1,2}",
        r"\b\(?\d{3}\)?[ -]\d{3}-\d{4}\b", r"[\w.+-]{1,64}@[\w-]+\.[\w.]+", r"https?://\S+",
        r"\b\d{3}-\d{2}-\d{4}\b", r"\b\d{5}(?:-\d{4})?\b", r"\b(?:MRN|NHC):? ?\d+\b",
        r"\b(?:Dr|Mr|Mrs|Ms)\. [A-Z]\w+", r"\b\d{1,5} [A-Z]\w+ (?:Street|Avenue|Road)\b",
        r"\b9\d[- ]year[- ]old\b",
    )
]  # fmt: skip


def meddocan(part: str) -> list[AnnotatedNote]:
    """The notes of `train` or `dev`."""
    with zipfile.ZipFile(DATA / "deid-meddocan" / "meddocan_brat.zip") as archive:
        names = [n[:-4] for n in sorted(archive.namelist()) if n.startswith(part) and ".ann" in n]
        return [
            brat_note(n, archive.read(f"{n}.txt").decode(), archive.read(f"{n}.ann").decode())
            for n in names
        ]


def sentences() -> list[tuple[int, AnnotatedNote]]:
    """Presidio's sentences, each with the number of its template."""
    path = DATA / "deid-presidio-research" / "synth_dataset_v2.json.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = json.load(file)
    out = []
    for number, row in enumerate(rows):
        spans = sorted(
            LabelledSpan(start=s["start_position"], end=s["end_position"], label=s["entity_type"])
            for s in row["spans"]
        )
        note = AnnotatedNote(name=str(number), text=row["full_text"], spans=tuple(spans))
        out.append((row["template_id"], note))
    return out


def english() -> list[str]:
    """The notes of ACI-BENCH."""
    with gzip.open(DATA / "notes-aci-bench" / "train.csv.gz", "rt", encoding="utf-8") as file:
        return [row["note"] for row in csv.DictReader(file)]


def presidio() -> Callable[[Sequence[str]], object] | None:
    """Presidio with a blank model, or None where it is not installed."""
    try:
        import spacy  # noqa: PLC0415
        from presidio_analyzer import AnalyzerEngine  # noqa: PLC0415
        from presidio_analyzer.nlp_engine import SpacyNlpEngine  # noqa: PLC0415
    except ImportError:
        return None
    models = SpacyNlpEngine()
    models.nlp = {"en": spacy.blank("en")}
    engine = AnalyzerEngine(nlp_engine=models, supported_languages=["en"])
    return lambda notes: [engine.analyze(note, language="en") for note in notes]


def speed(weights: Weights | None = None) -> None:
    """Print characters per second of the processor, and ratios."""
    notes = english() * 4
    spanish = [note.text for note in meddocan("dev")][:150]
    rules, whole = NoteFinder("en"), NoteFinder("es", weights=weights) if weights else None
    ways: dict[str, tuple[Callable[[Sequence[str]], object], list[str]]] = {
        "plain re, 12 patterns (the floor)": (
            lambda some: [list(p.finditer(note)) for note in some for p in FLOOR], notes,
        ),
        "rules: patterns, lists, repeats, union": (rules.find, notes),
    }  # fmt: skip
    ways["rules, Spanish, full of identifiers"] = (NoteFinder("es").find, spanish)
    if whole is not None:
        ways["whole: rules and labeller (Spanish)"] = (whole.find, spanish)
    if (peer := presidio()) is not None:
        ways["Presidio, blank model"] = (peer, notes[:30])
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(5):
        for name, (way, some) in ways.items():
            started = time.process_time()
            way(some)
            taken[name].append(sum(map(len, some)) / (time.process_time() - started))
    middle = {name: statistics.median(rates) for name, rates in taken.items()}
    base = middle.get("Presidio, blank model", PRESIDIO)
    floor = middle["plain re, 12 patterns (the floor)"]
    said = "measured in this run" if peer is not None else "as recorded; not installed here"
    print(f"Presidio: {base:,.0f} characters/s ({said})")
    for name, rate in middle.items():
        low, high = min(taken[name]), max(taken[name])
        print(
            f"{name:<40} {rate:>11,.0f} characters/s ({low:,.0f} to {high:,.0f}): "
            f"{rate / base:.1f} times Presidio, {rate / floor:.2f} of the floor"
        )


def show(title: str, scores: Mapping[str, Score]) -> None:
    """Print one table."""
    print(f"\n{title}\n{'':<34}{'n':>6}{'P':>8}{'R':>8}{'F1':>8}{'loose R':>9}{'tokens':>8}  95 %")
    for label, score in scores.items():
        low, high = score.tokens.interval()
        print(
            f"{label:<34}{score.recall.of:>6}{score.precision.value:>8.4f}"
            f"{score.recall.value:>8.4f}{score.f1:>8.4f}{score.relaxed_recall.value:>9.4f}"
            f"{score.tokens.value:>8.4f}  {low:.4f} to {high:.4f}"
        )


def token_precision(
    notes: Sequence[AnnotatedNote], found: Sequence[Sequence[LabelledSpan]]
) -> Share:
    """Of the words and numbers that were taken, how many are annotated."""
    taken = right = 0
    for note, spans in zip(notes, found, strict=True):
        own = {at for span in note.spans for at in range(span.start, span.end)}
        for span in spans:
            for token in tokens_of(note.text, span.start, span.end):
                if token.text.isalnum():
                    taken += 1
                    right += token.start in own
    return Share(hits=right, of=taken)


def spanish_figures(options: TrainingOptions) -> Weights:
    """Train on MEDDOCAN's training part, and print figures of its development part."""
    started = time.process_time()
    rules = rules_for("es")
    weights = train(meddocan("train"), rules, language="es", options=options)
    print(f"\ntrained on 500 notes in {time.process_time() - started:.0f} s of the processor")
    notes = meddocan("dev")
    texts = [note.text for note in notes]
    show("MEDDOCAN, development part, the likeliest labels", score_notes(
        notes, Tagger(weights, rules).labelled(texts)))  # fmt: skip
    found = [spans_by_kind(spans) for spans in NoteFinder("es").find(texts)]
    _tokens("rules alone", notes, found)
    for doubt in (1.0, 0.5, 0.2, 0.1, 0.05):
        finder = NoteFinder("es", weights=weights, doubt=doubt)
        found = [spans_by_kind(spans) for spans in finder.find(texts)]
        _tokens(f"whole engine, doubt {doubt}", notes, found)
    return weights


def _tokens(name: str, notes: Sequence[AnnotatedNote], found: Sequence[list[LabelledSpan]]) -> None:
    recall = score_notes(notes, found)["all"].tokens
    low, high = recall.interval()
    precision = token_precision(notes, found).value
    print(f"{name:<26} token recall {recall.value:.4f} ({low:.4f} to {high:.4f}), "
          f"token precision {precision:.4f}")  # fmt: skip


def english_figures() -> None:
    """Presidio's sentences: rules alone, and a labeller on templates that it was not trained on."""
    rows = sentences()
    _covered("Presidio's sentences, rules alone", [note for _, note in rows], NoteFinder("en"))
    learn = [note for template, note in rows if template % 3]
    held = [note for template, note in rows if not template % 3]
    weights = train(learn, rules_for("en"), language="en", options=TrainingOptions(rounds=60))
    _covered("templates held out (a third), rules alone", held, NoteFinder("en"))
    _covered("templates held out (a third), with a labeller trained on the others", held,
             NoteFinder("en", weights=weights))  # fmt: skip


def _covered(title: str, notes: Sequence[AnnotatedNote], finder: NoteFinder) -> None:
    """Print, by type, how many spans are covered whole: every letter and digit of them."""
    texts = [note.text for note in notes]
    spans: Counter[str] = Counter()
    covered: Counter[str] = Counter()
    found = [spans_by_kind(some) for some in finder.find(texts)]
    for note, some in zip(notes, found, strict=True):
        taken = {at for span in some for at in range(span.start, span.end)}
        for span in note.spans:
            signs = [at for at in range(span.start, span.end) if note.text[at].isalnum()]
            for label in (span.label, "all"):
                spans[label] += 1
                covered[label] += all(at in taken for at in signs)
    print(f"\n{title}: token precision {token_precision(notes, found).value:.3f}")
    for label, count in spans.most_common():
        share = Share(hits=covered[label], of=count)
        low, high = share.interval()
        print(
            f"  {label:<20} {share.hits:>5} of {count:>5}  {share.value:.3f} "
            f"({low:.3f} to {high:.3f})"
        )


if __name__ == "__main__":
    if sys.argv[1:] == ["figures"]:
        english_figures()
        speed(spanish_figures(TrainingOptions()))
    else:
        speed()
