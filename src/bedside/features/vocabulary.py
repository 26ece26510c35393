"""What is left open in a declaration, decided on the training subjects alone: codes, categories."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

import polars as pl

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Declaration
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.features import ChosenCode, Learnt, Vocabulary
from bedside.core.records.question import CodePattern, Question
from bedside.features.inputs import needs_no_unit

__all__ = [
    "OTHER",
    "choose",
    "columns_of",
    "is_open",
    "learnt_from_json",
    "learnt_to_json",
    "rows_of",
]

OTHER = "other"
"""The last label of every signal whose categories are learnt: any text that is none of them."""

FEWEST_SUBJECTS = SUPPRESS_AT_OR_BELOW + 1
"""A text of fewer training subjects is no category: rare words may point at a person."""

_COLUMNS = (
    "subject_id",
    "time",
    "known_at",
    "end",
    "code",
    "value",
    "unit",
    "text",
    "source_row",
    "replaces",
)


def is_open(declaration: Declaration) -> bool:
    """Whether the declaration leaves codes or categories to be learnt."""
    return bool(_prefixes(declaration) or _learning(declaration))


def columns_of(declaration: Declaration) -> list[str]:
    """The columns of the event table that `choose` reads; none when nothing is left open."""
    return list(_COLUMNS) if is_open(declaration) else []


def rows_of(declaration: Declaration) -> pl.Expr:
    """Which events `choose` looks at; it may be given others as well."""
    code = pl.col("code").cast(pl.String)
    return _wanted(declaration, code) | pl.col("replaces").is_not_null()


def _wanted(declaration: Declaration, code: pl.Expr) -> pl.Expr:
    """Whether a code (a text) is one that may be chosen, or one of a category to be learnt."""
    wanted = code.is_in([code for codes in _learning(declaration).values() for code in codes])
    for prefix in _prefixes(declaration):
        wanted |= code.str.starts_with(prefix)
    return wanted


def choose(
    declaration: Declaration,
    shards: Iterable[pl.DataFrame],
    asked_train: pl.DataFrame,
    *,
    fewest: int = FEWEST_SUBJECTS,
) -> Learnt:
    """The codes and categories that the training subjects have before they are asked about.

    An event counts when, at one of its subject's prediction times at least, it had happened, could
    be seen, and was not corrected yet. Nobody else's events are looked at.

    A rule's vocabulary holds the codes with its prefixes that at least `minimum_subjects` have; of
    them the `top` that most have, ties in alphabetical order. Codes of a declared signal are left
    out, because they are to be read as it says, whichever rule names it; so are those of the
    outcome. A code whose numbers come in several units is left out too, and told.

    A signal with `learn_categories` gets the texts that at least `fewest` subjects have, in
    descending order of subjects, ties in alphabetical order, and then `OTHER`. Texts are compared
    as they stand. A text that is itself `OTHER` is one of those others.

    Args:
        declaration: Its rules, signals and question.
        shards: Of the event table, clean, with `columns_of`; all rows of a subject are in one.
        asked_train: Columns subject_id and prediction_time, of the training subjects alone.
        fewest: How many subjects a text needs.

    Raises:
        Invalid: the declaration's question names a predicate that it does not have.
    """
    left_out, names = _left_out(declaration), _learning(declaration)
    asked = asked_train.select(
        "subject_id", pl.col("prediction_time").dt.cast_time_unit("us").alias("asked_at")
    )
    counted = _Counted()
    if is_open(declaration) and asked.height:
        for shard in shards:
            codes = shard.select(pl.col("code").unique().cast(pl.String))
            wanted = codes.filter(_wanted(declaration, pl.col("code")))["code"].implode()
            rows = pl.col("code").is_in(wanted) | pl.col("replaces").is_not_null()
            counted.add(_visible(shard.filter(rows), asked), names)
    learnt, mixed = {}, set()
    for number, rule in enumerate(declaration.features):
        if rule.vocabulary is not None:
            learnt[number], several = counted.codes(rule.vocabulary, left_out)
            mixed |= several
    return Learnt(
        codes=learnt,
        categories={name: counted.labels(name, fewest) for name in names},
        mixed_units=tuple(sorted(mixed)),
    )


def _prefixes(declaration: Declaration) -> list[str]:
    rules = [rule.vocabulary for rule in declaration.features if rule.vocabulary is not None]
    return sorted({prefix for vocabulary in rules for prefix in vocabulary.prefixes})


def _learning(declaration: Declaration) -> dict[str, tuple[str, ...]]:
    """The codes of each signal whose categories are to be learnt, by name."""
    return {
        name: signal.codes
        for name, signal in declaration.signals.items()
        if signal.learn_categories and signal.role in ("input", "static")
    }


def _visible(events: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """The events that were known, and stood, at one of their subject's prediction times.

    Args:
        events: Of one shard.
        asked: Columns subject_id and asked_at.
    """
    corrections = events.filter(pl.col("replaces").is_not_null())
    corrected = corrections.group_by("subject_id", pl.col("replaces").alias("source_row")).agg(
        pl.col("known_at").min().alias("corrected_at")
    )
    says = pl.any_horizontal(
        pl.col("value", "text", "end").is_not_null(), pl.col("replaces").is_null()
    )
    last = asked.group_by("subject_id").agg(pl.col("asked_at").max().alias("last_asked"))
    known = (
        events.filter(says)
        .join(last, on="subject_id")
        .with_columns(pl.max_horizontal("time", "known_at").alias("seen_at"))
        .filter(pl.col("seen_at") <= pl.col("last_asked"))
    )
    if corrected.is_empty():
        return known
    known = known.join(corrected, on=["subject_id", "source_row"], how="left")
    stood = pl.col("corrected_at").is_null() | (pl.col("last_asked") < pl.col("corrected_at"))
    first_seen = (
        known.filter(~stood)
        .sort("seen_at")
        .join_asof(
            asked.sort("asked_at"),
            left_on="seen_at",
            right_on="asked_at",
            by="subject_id",
            strategy="forward",
            check_sortedness=False,
        )
        .filter(pl.col("asked_at") < pl.col("corrected_at"))
    )
    return pl.concat([known.filter(stood), first_seen.select(known.columns)])


@dataclass(slots=True)
class _Counted:
    """What was counted so far; the counts of shards add up, because they share no subject."""

    subjects: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    dated: Counter[str] = field(default_factory=Counter)
    numbers: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    texts: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, seen: pl.DataFrame, names: dict[str, tuple[str, ...]]) -> None:
        """Count the visible events of one shard."""
        by_code = seen.group_by("code").agg(pl.len(), pl.col("time").count().alias("dated"))
        for code, events, dated in _plain(by_code).iter_rows():
            self.events[code] += events
            self.dated[code] += dated
        self.subjects.update(_subjects_by(seen, "code"))
        valued = seen.filter(pl.col("value").is_not_null()).group_by("code", "unit").len()
        for code, unit, events in _plain(valued).iter_rows():
            self.numbers[code, unit] += events
        for name, codes in names.items():
            told = seen.filter(pl.col("code").is_in(codes) & pl.col("text").is_not_null())
            self.texts.setdefault(name, Counter()).update(_subjects_by(told, "text"))

    def labels(self, name: str, fewest: int) -> tuple[str, ...]:
        """The learnt labels of a signal."""
        enough = {
            text: count
            for text, count in self.texts.get(name, Counter()).items()
            if count >= fewest and text != OTHER
        }
        return (*_ranked(enough), OTHER)

    def codes(
        self, vocabulary: Vocabulary, left_out: Sequence[re.Pattern[str]]
    ) -> tuple[tuple[ChosenCode, ...], set[str]]:
        """The codes of a vocabulary, and those that are left out for their several units."""
        enough = {
            code: count
            for code, count in self.subjects.items()
            if count >= vocabulary.minimum_subjects
            and code.startswith(vocabulary.prefixes)
            and not any(pattern.match(code) for pattern in left_out)
        }
        units = self._units(enough)
        mixed = {code for code, found in units.items() if len(found) > 1}
        chosen = [
            ChosenCode(
                code=code,
                unit=None if mark else next(iter(units[code]), None),
                mark=mark,
                static=not self.dated[code],
            )
            for code in _ranked(enough)
            if (mark := self._is_mark(code, units)) or code not in mixed
        ]
        return tuple(chosen[: vocabulary.top]), mixed - {one.code for one in chosen}

    def _is_mark(self, code: str, units: dict[str, set[str | None]]) -> bool:
        """Whether fewer than half of the events carry a number."""
        numbers = sum(self.numbers[code, unit] for unit in {*units[code], None})
        return 2 * numbers < self.events[code]

    def _units(self, codes: Iterable[str]) -> dict[str, set[str | None]]:
        """The units of each code's numbers; none counts beside one that needs none."""
        found: dict[str, set[str | None]] = {code: set() for code in codes}
        for code, unit in self.numbers:
            if code in found:
                found[code].add(unit)
        for units in found.values():
            if all(unit is None or needs_no_unit(unit) for unit in units):
                units.discard(None)
        return found


def _plain(counts: pl.DataFrame) -> pl.DataFrame:
    """The counts with texts in the place of a dictionary's entries."""
    return counts.with_columns(pl.col(pl.Categorical).cast(pl.String))


def _subjects_by(seen: pl.DataFrame, column: str) -> dict[str, int]:
    """How many subjects have each value of a column."""
    pairs = seen.select(pl.col(column), "subject_id").unique()
    return dict(pairs.group_by(pl.col(column).cast(pl.String)).len().iter_rows())


def _ranked(counts: dict[str, int]) -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))


def _left_out(declaration: Declaration) -> list[re.Pattern[str]]:
    """Patterns of the codes that no vocabulary may choose: of signals, and of the outcome."""
    exact = {code for signal in declaration.signals.values() for code in signal.codes}
    patterns = []
    for name in _outcomes(declaration.question):
        predicate = declaration.question.predicates.get(name)
        if predicate is None:
            raise Invalid(
                f"'{name}', the outcome, is not a predicate of the question.",
                fix="define it under question.predicates.",
            )
        code = predicate.code
        if isinstance(code, CodePattern):
            exact.update(code.any)
            if code.regex is not None:
                patterns.append(re.compile(code.regex))
        elif code is not None:
            exact.add(code)
    joined = "|".join(re.escape(code) for code in sorted(exact))
    return [re.compile(f"(?:{joined})\\Z"), *patterns] if exact else patterns


def _outcomes(question: Question) -> list[str]:
    """The predicates that must come true, and those that they are derived from."""
    open_ = [window.label for window in question.windows.values() if window.label is not None]
    if question.time_at_risk is not None:
        open_.append(question.time_at_risk.outcome)
    found: dict[str, None] = {}
    while open_:
        name = open_.pop()
        if name in found:
            continue
        found[name] = None
        predicate = question.predicates.get(name)
        if predicate is not None and predicate.expr is not None:
            inner = predicate.expr.partition("(")[2].rpartition(")")[0]
            open_.extend(part for part in re.findall(r"[\w]+", inner) if part not in ("or", "and"))
    return list(found)


def learnt_to_json(learnt: Learnt) -> bytes:
    """Canonical JSON of what was learnt."""
    return canonical_json(
        {
            "codes": {
                str(number): [asdict(one) for one in chosen]
                for number, chosen in learnt.codes.items()
            },
            "categories": learnt.categories,
            "mixed_units": learnt.mixed_units,
        }
    )


def learnt_from_json(content: bytes) -> Learnt:
    """Read what `learnt_to_json` wrote."""
    told = json.loads(content)
    return Learnt(
        codes={
            int(number): tuple(ChosenCode(**one) for one in chosen)
            for number, chosen in told["codes"].items()
        },
        categories={name: tuple(labels) for name, labels in told["categories"].items()},
        mixed_units=tuple(told["mixed_units"]),
    )
