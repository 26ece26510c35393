"""Versions of records, in any order and in any batches, against a slow and obvious hospital."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.ids import subject_pseudonym
from bedside.core.records.collection import Collection, KnownAt
from bedside.core.records.event import TAKEN_BACK
from bedside.data.collect.adding import first_contacts, kept_drafts, stored_events
from bedside.data.collect.draft import draft_of
from bedside.data.collect.facts import FACT_SCHEMA, RECORD_SCHEMA, Batch, digest_of_records
from bedside.data.collect.versions import Decided, decide, known_versions, versions_of
from bedside.data.store.as_of import as_of
from bedside.data.store.layout import STORED_SCHEMA
from stored import DAY

DELAY = timedelta(minutes=90)
SOURCE = Collection(
    bedside=1,
    name="ward",
    title="A ward",
    format="hl7v2",
    licence="none",
    release_mode="identified",
    known_at={
        "observation": KnownAt(after="90 min", recorded=True),
        "patient": KnownAt(after="0 min", counted_from="first"),
    },
)
SUBJECTS = ("anna", "bela", "cleo")
PSEUDONYMS = {subject_pseudonym(name, salt="bedside"): name for name in SUBJECTS}
HOURS = st.integers(0, 20)


@dataclass(frozen=True)
class Record:
    """One version of a record as the hospital sends it: about one subject, or about two."""

    identity: str | None
    subjects: tuple[str, ...]
    content: int
    time: int
    recorded: int | None = None
    retracts: bool = False

    @property
    def raw(self) -> str:
        return repr(self)

    @property
    def rule(self) -> datetime:
        """When it became known by the declared rule."""
        if self.recorded is not None:
            return hour(self.recorded)
        return hour(self.time) + DELAY

    @property
    def facts(self) -> list[tuple[str, int, int]]:
        return [(subject, self.time, self.content) for subject in self.subjects]


def hour(number: float) -> datetime:
    return DAY + timedelta(hours=number)


def batch_of(records: list[Record]) -> Batch:
    rows = [
        {
            "subject": subject,
            "time": hour(one.time),
            "recorded": None if one.recorded is None else hour(one.recorded),
            "kind": "observation",
            "code": "LOINC//2823-3",
            "value": float(one.content),
            "retracts": one.retracts,
            "offset": offset,
            "record": one.raw,
            "identity": one.identity or "",
        }
        for offset, one in enumerate(records)
        for subject in one.subjects
    ]
    names = {name: [row[name] for row in rows] for name in ("record", "identity")}
    facts = pl.DataFrame(
        [{**row, "record": None, "identity": None} for row in rows], schema=FACT_SCHEMA
    ).with_columns(digest_of_records(names[name]).alias(name) for name in names)
    return Batch(facts=facts, records=pl.DataFrame(schema=RECORD_SCHEMA), rows_in={})


@dataclass
class Workspace:
    """What the lifecycle does with the same functions, in memory."""

    events: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STORED_SCHEMA))
    files: int = 0
    last: Decided | None = None

    def collect(self, parts: list[list[Record]], now: datetime, *, full: bool = False) -> None:
        draft = draft_of([batch_of(part) for part in parts], SOURCE, counted=False)
        drafts = draft.events.with_columns(pl.col("source_file") + self.files)
        renewed = dict.fromkeys(range(self.files), self.files) if full else {}
        self.files += len(parts)
        new = versions_of(drafts, now)
        known = known_versions([self.events], new, renewed)
        self.last = decide(new, known, now, renewed=renewed)
        kept = kept_drafts(drafts, self.last.kept, now)
        added = stored_events(kept, first_contacts([self.events], [kept]), now)
        self.events = pl.concat([self.events, added, self.last.rows])

    def seen(self, moment: datetime) -> Counter[tuple[str, int, int]]:
        rows = as_of(self.events, moment).select("subject_id", "time", "value").iter_rows()
        return Counter(
            (PSEUDONYMS[subject], round((time - DAY) / timedelta(hours=1)), int(value))
            for subject, time, value in rows
        )


def hospital(known: list[tuple[datetime, Record]], moment: datetime) -> Counter:
    """The slow way: of each record its last version that was known by then; the nameless all."""
    latest: dict[str, Record] = {}
    nameless: set[Record] = set()
    for known_at, record in sorted(known, key=lambda one: one[0]):
        if known_at <= moment:
            if record.identity is None:
                nameless.add(record)
            else:
                latest[record.identity] = record
    standing = [*nameless, *(one for one in latest.values() if not one.retracts)]
    return Counter(fact for one in standing for fact in one.facts)


@st.composite
def a_record(draw, *, stamped: bool, identity: str | None, stamp: int | None = None) -> Record:
    subjects = draw(
        st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=2, unique=True).map(tuple)
    )
    retracts = identity is not None and draw(st.integers(0, 3)) == 0
    return Record(
        identity=identity,
        subjects=subjects[:1] if retracts else subjects,
        content=draw(st.integers(1, 3)),
        time=draw(HOURS),
        recorded=stamp if stamped else None,
        retracts=retracts,
    )


@st.composite
def stamped_records(draw) -> list[Record]:
    """Records with stamps; no two versions of one have the same."""
    records = []
    for identity in ("r1", "r2", "r3"):
        stamps = draw(st.lists(HOURS, max_size=5, unique=True))
        records += [draw(a_record(stamped=True, identity=identity, stamp=one)) for one in stamps]
    for stamp in draw(st.lists(HOURS, max_size=3)):
        records.append(draw(a_record(stamped=True, identity=None, stamp=stamp)))
    return records


@st.composite
def arrivals(draw, records: list[Record]) -> list[list[list[Record]]]:
    """All of them in any order, some more than once, in any batches of any parts."""
    again = draw(st.lists(st.sampled_from(records), max_size=4)) if records else []
    order = draw(st.permutations([*records, *again]))
    collects: list[list[list[Record]]] = [[[]]]
    for one in order:
        where = draw(st.sampled_from(["here", "here", "part", "collect"]))
        if where == "part":
            collects[-1].append([])
        elif where == "collect":
            collects.append([[]])
        collects[-1][-1].append(one)
    return collects


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_stamped_records_give_the_same_hospital_in_whatever_order_they_arrive(data):
    records = data.draw(stamped_records())
    workspace = Workspace()
    for number, parts in enumerate(data.draw(arrivals(records))):
        workspace.collect(parts, hour(30 + number))

    known = [(one.rule, one) for one in records]
    for moment in {one.rule for one in records}:
        assert workspace.seen(moment) == hospital(known, moment)


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_what_is_collected_again_adds_nothing(data):
    records = data.draw(stamped_records())
    mixed = [data.draw(st.sampled_from([one, replace(one, recorded=None)])) for one in records]
    collects = data.draw(arrivals(mixed))
    workspace = Workspace()
    for number, parts in enumerate(collects):
        workspace.collect(parts, hour(30 + number))
    before = workspace.events

    for number, parts in enumerate(collects):
        workspace.collect(parts, hour(90 + number))

        assert workspace.last is not None
        assert workspace.last.rows.is_empty()
        assert workspace.last.kept.is_empty()
        distinct = len({one.raw for part in parts for one in part})
        assert workspace.last.already_here >= distinct
    assert workspace.events.equals(before)


@st.composite
def unstamped_collects(draw) -> list[tuple[datetime, list[list[Record]]]]:
    """Records of a source that stamps nothing; their facts may lie after the collecting."""
    collects = []
    for at in sorted(draw(st.lists(st.integers(5, 40), min_size=1, max_size=5, unique=True))):
        identities = st.sampled_from(["r1", "r2", None])
        parts = [
            [
                draw(a_record(stamped=False, identity=one))
                for one in draw(st.lists(identities, max_size=4))
            ]
            for _ in range(draw(st.integers(1, 2)))
        ]
        collects.append((hour(at), parts))
    return collects


@given(unstamped_collects())
@settings(max_examples=40, deadline=None)
def test_an_unstamped_correction_is_known_from_when_it_was_collected_and_no_earlier(collects):
    workspace = Workspace()
    known: list[tuple[datetime, Record]] = []
    for now, parts in collects:
        workspace.collect(parts, now)
        for record in (one for part in parts for one in part):
            earlier = [at for at, one in known if one.identity == record.identity]
            if record in (one for _, one in known):
                continue  # sent again
            rule = now if record.retracts else record.rule
            if record.identity is None or not earlier:
                known.append((rule, record))
            else:
                known.append((max(now, rule, *earlier), record))

    for moment in {at for at, _ in known}:
        for one in (moment, moment - timedelta(minutes=1)):
            assert workspace.seen(one) == hospital(known, one)
    facts = workspace.events.filter(pl.col("code").cast(pl.String) != TAKEN_BACK)
    assert (facts["known_at"] >= facts["time"] + DELAY).all()


@st.composite
def states_of_a_file(draw) -> list[list[Record]]:
    """A file that is extracted whole again and again; a named record is there once in a state."""
    pool = [draw(a_record(stamped=False, identity=None)) for _ in range(3)]
    pool += [
        replace(draw(a_record(stamped=False, identity=name)), retracts=False)
        for name in ("r1", "r1", "r2", "r2")
    ]
    states = []
    for _ in range(draw(st.integers(2, 7))):
        chosen = draw(st.lists(st.sampled_from(pool), max_size=5, unique=True))
        named = {one.identity: one for one in chosen if one.identity}
        states.append([*(one for one in chosen if one.identity is None), *named.values()])
    return states


@given(states_of_a_file())
@settings(max_examples=40, deadline=None)
def test_after_a_full_extract_the_hospital_is_what_the_newest_state_of_the_file_says(states):
    workspace = Workspace()
    for number, state in enumerate(states):
        now = hour(30 + number)

        workspace.collect([state], now, full=True)

        told = Counter(fact for one in state for fact in one.facts)
        assert workspace.seen(now) == told
        assert workspace.seen(now + timedelta(days=9)) == told
    for number, state in enumerate(states):  # and what was known then stays what was known then
        later = {one for after in states[number + 1 :] for one in after} - {
            one for before in states[: number + 1] for one in before
        }
        told = Counter(fact for one in state for fact in one.facts)
        more = workspace.seen(hour(30 + number)) - told
        assert not told - workspace.seen(hour(30 + number))
        assert set(more) <= {fact for one in later for fact in one.facts}


@given(states_of_a_file())
@settings(max_examples=15, deadline=None)
def test_the_same_state_of_a_full_extract_again_adds_nothing(states):
    workspace = Workspace()
    for number, state in enumerate(states):
        workspace.collect([state], hour(30 + number), full=True)
    before = workspace.events

    workspace.collect([states[-1]], hour(90), full=True)

    assert workspace.events.equals(before)


def test_of_versions_with_one_stamp_the_one_that_came_last_stands_also_after_a_third():
    def version(content: int, stamp: int) -> Record:
        return Record(identity="r1", subjects=("anna",), content=content, time=1, recorded=stamp)

    for order in ((1, 2, 3), (2, 1, 3), (3, 2, 1), (2, 3, 1)):  # digests in any order
        workspace = Workspace()
        for number, content in enumerate(order):
            workspace.collect([[version(content, 5)]], hour(30 + number))
        assert workspace.seen(hour(5)) == Counter([("anna", 1, order[-1])])

        workspace.collect([[version(9, 6)]], hour(40))
        assert workspace.seen(hour(6)) == Counter([("anna", 1, 9)])


def test_a_record_that_moves_to_another_subject_leaves_the_first_one():
    wrong = Record(identity="r1", subjects=("anna",), content=1, time=1, recorded=2)
    right = replace(wrong, subjects=("bela",), recorded=4)
    workspace = Workspace()

    workspace.collect([[right]], hour(30))
    workspace.collect([[wrong]], hour(31))

    assert workspace.seen(hour(3)) == Counter([("anna", 1, 1)])
    assert workspace.seen(hour(4)) == Counter([("bela", 1, 1)])


def test_a_static_fact_waits_for_the_first_contact_and_its_correction_for_the_collecting():
    def sex(text: str) -> Batch:
        one = batch_of([Record(identity="p", subjects=("anna",), content=0, time=0)])
        facts = one.facts.with_columns(
            pl.lit("patient").alias("kind"),
            pl.lit(None, dtype=FACT_SCHEMA["time"]).alias("time"),
            pl.lit(text).alias("text"),
            digest_of_records([text]).alias("record"),
        )
        return replace(one, facts=facts)

    contact = batch_of([Record(identity=None, subjects=("anna",), content=1, time=3)])
    draft = draft_of([sex("male"), contact, sex("female")], SOURCE, counted=False)
    new = versions_of(draft.events, hour(30))
    decided = decide(new, known_versions([], new, ()), hour(30), renewed={})
    kept = kept_drafts(draft.events, decided.kept, hour(30))
    events = stored_events(kept, first_contacts([], [kept]), hour(30))
    every = pl.concat([events, decided.rows])

    def told(moment: datetime) -> list[str]:
        return as_of(every, moment)["text"].drop_nulls().to_list()

    assert told(hour(4)) == []
    assert told(hour(4.5)) == ["male"]
    assert told(hour(29)) == ["male"]
    assert told(hour(30)) == ["female"]
