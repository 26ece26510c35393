"""The patients of a rehearsal: who builds the first version, and who comes on which day."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.question import ask
from bedside.core.clock import days_of, iso
from bedside.core.errors import Invalid
from bedside.core.ids import subject_pseudonym
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.bundle import FEATURES, Bundle
from bedside.core.records.caller import Caller
from bedside.core.records.declaration import Declaration
from bedside.core.records.event import EVENT_COLUMNS, Event
from bedside.core.records.rehearsal import Rehearsal, RehearsalEvent
from bedside.features.definition import feature_set_from_json
from bedside.features.inputs import as_served
from bedside.interop.open_inference.metadata import Input, inputs_of
from bedside.lifecycle.cohort import received_file
from bedside.lifecycle.package import load_declaration
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.prediction_replay import READERS
from bedside.lifecycle.replay_history import History, inputs_by_code, request_body
from bedside.lifecycle.respond import seen
from bedside.monitor.sampling import uniform
from bedside.monitor.shifts.injection import EventChange
from bedside.monitor.shifts.on_events import changed_events

__all__ = ["People"]

CHANNEL = "open_inference"
Ids = npt.NDArray[np.int64]


class People:
    """The patients of a wide table, each of whom comes once.

    Args:
        platform: The workspace.
        plan: Whose share builds, how many come each day.
        model: The folder of the model.
        data: The table, as for a build.
        scratch: A folder for the tables from which versions learn.

    Raises:
        Invalid: the model learns from a collected source (code `rehearsal_source`), or the data
            are not as it declares.
    """

    def __init__(
        self, platform: Platform, plan: Rehearsal, model: Path, data: Path | None, scratch: Path
    ) -> None:
        self.declaration, _ = load_declaration(model)
        if self.declaration.data.source:
            raise Invalid(
                "A rehearsal takes its patients from a table, and this model learns from a source.",
                fix="rehearse a model of a table.",
                code="rehearsal_source",
            )
        self._plan, self._tag = plan, platform.tag
        self._raw = received_file(self.declaration, data).table
        events, _ = seen(platform, self.declaration, data)
        rows = ask(self.declaration.question, events).rows.sort("subject_id", "prediction_time")
        self._rows = rows.select("subject_id", "prediction_time", "label")
        self._events = events
        ids = np.sort(rows["subject_id"].unique().to_numpy())
        drawn = uniform(ids, plan.seed)
        many = int((drawn < plan.built_from).sum())
        order = np.argsort(drawn, kind="stable")
        self.built = np.sort(ids[order][:many])
        self._later = np.sort(ids[order][many:])
        self._raw_ids = self._pseudonyms()
        self._came: list[Ids] = []
        self._scratch = scratch
        self._inputs: Mapping[str, Input] = {}

    def read_by(self, bundle: Bundle) -> None:
        """Ask for what this version reads."""
        features = feature_set_from_json(bundle.files[FEATURES])
        self._inputs = inputs_by_code(inputs_of(as_served(bundle.declaration, features)))

    @property
    def came(self) -> int:
        """How many have come so far."""
        return sum(one.size for one in self._came)

    @property
    def digest(self) -> str:
        """Of who may be asked about when, and of what comes true of it."""
        columns = [self._rows[name].to_physical().to_numpy() for name in self._rows.columns]
        return sha256(b"".join(one.tobytes() for one in columns)).hexdigest()

    def told_came(self) -> list[list[int]]:
        """Who came on each day so far."""
        return [one.tolist() for one in self._came]

    def came_before(self, days: Sequence[Sequence[int]]) -> None:
        """Be as after these days, as `told_came` told them."""
        self._came = [np.array(one, dtype=np.int64) for one in days]
        gone = np.concatenate([self.built[:0], *self._came])
        self._later = self._later[~np.isin(self._later, gone)]

    def come(self, mixes: Sequence[RehearsalEvent]) -> Ids:
        """Who comes on the next day, shape (n,): drawn without replacement from who is left.

        Args:
            mixes: What makes some of them likelier to come.
        """
        day = len(self._came)
        left = self._later
        with np.errstate(divide="ignore"):
            wait = -np.log(uniform(left, self._plan.seed * 1_000 + day))
        for one in mixes:
            wait[np.isin(left, self._with(one))] /= one.factor
        whose = left[np.argsort(wait, kind="stable")[: self._plan.patients_per_day]]
        self._later = left[~np.isin(left, whose)]
        self._came.append(whose)
        return np.sort(whose)

    def known(self, wrong: RehearsalEvent | None = None) -> Path:
        """A table of the patients of the first build, and of who came and whose outcome is known.

        Args:
            wrong: What is wrong in it: `share` of the outcomes, or a signal in another unit.
        """
        whose = np.concatenate([self.built, *self._came[: self._until()]])
        return self.table(whose, self._name("known"), wrong=wrong)

    def recent(self, days: int) -> Path:
        """A table of who came in the last so many days, and whose outcome is known."""
        end = self._until()
        some = self._came[max(end - days, 0) : end]
        return self.table(np.concatenate([self.built[:0], *some]), self._name("recent"))

    def _until(self) -> int:
        waits = math.ceil(days_of(self._plan.known_after))
        return max(len(self._came) - waits, 0)

    def _name(self, what: str) -> Path:
        return self._scratch / f"{what}-day-{len(self._came)}.parquet"

    def _with(self, mix: RehearsalEvent) -> Ids:
        """Patients whose signal is at least so high once."""
        signal = self.declaration.signals.get(mix.signal)
        if signal is None or signal.column not in self._raw.columns:
            raise Invalid(
                f"The rehearsal mixes by '{mix.signal}', which is no column of the model's table.",
                fix=f"name one of: {', '.join(self.declaration.signals)}.",
                code="rehearsal_signal",
            )
        values = self._raw[signal.column].cast(pl.Float64)
        high = (values >= (mix.at_least or 0.0)).fill_null(value=False)
        return np.unique(self._raw_ids.filter(high).to_numpy())

    def _pseudonyms(self) -> pl.Series:
        data = self.declaration.data
        names = self._raw[data.subject].cast(pl.String)
        pseudonym = {
            name: subject_pseudonym(name, salt=data.pseudonym_salt)
            for name in names.unique().drop_nulls()
        }
        return names.replace_strict(pseudonym, return_dtype=pl.Int64)

    def questions(
        self, whose: Ids, changes: Sequence[EventChange]
    ) -> list[tuple[Asked, int, float]]:
        """The questions about these patients, whose they are, and what came true (nan: unknown).

        Args:
            whose: Shape (n,).
            changes: What is done to their events first.
        """
        theirs = pl.col("subject_id").is_in(whose.tolist())
        events = self._events.filter(theirs)
        for number, change in enumerate(changes):
            events = changed_events(events, change, seed=self._plan.seed + number)
        told = pl.col("code").cast(pl.String).is_in(list(self._inputs))
        frames = events.filter(told | pl.col("replaces").is_not_null()).select(EVENT_COLUMNS)
        by_subject = frames.partition_by("subject_id", as_dict=True)
        made = []
        for (subject,), rows in self._rows.filter(theirs).group_by("subject_id"):
            frame = by_subject.get((subject,))
            known = [] if frame is None else [Event(**row) for row in frame.iter_rows(named=True)]
            history = History(known, self._inputs)
            made += [
                (self._asked(int(str(subject)), moment, history), int(str(subject)), label)
                for moment, label in _moments(rows, self._plan)
            ]
        return made

    def table(self, whose: Ids, path: Path, *, wrong: RehearsalEvent | None = None) -> Path:
        """The rows of these patients as a table of their own, with what is wrong in it."""
        mine = self._raw_ids.is_in(whose.tolist())
        rows = self._raw.filter(mine)
        if wrong is not None and wrong.signal:
            column = self.declaration.signals[wrong.signal].column
            rows = rows.with_columns(pl.col(column) * wrong.factor)
        elif wrong is not None:
            drawn = uniform(self._raw_ids.filter(mine).to_numpy(), self._plan.seed + 1)
            hit = pl.Series(drawn < wrong.share)
            for signal in self.declaration.signals.values():
                if signal.role == "outcome" and signal.column in rows.columns:
                    turned = pl.when(hit).then(1 - pl.col(signal.column))
                    as_is = pl.col(signal.column)
                    rows = rows.with_columns(turned.otherwise(as_is).alias(signal.column))
        rows.write_parquet(path)
        return path

    def _asked(self, subject: int, moment: datetime, history: History) -> Asked:
        name = self._tag(f"rehearsal {subject} {iso(moment)}")
        body = request_body(
            history.tensors_at(moment), request_id=name, pseudonym=subject, as_of=moment
        )
        return Asked(
            read=partial(_read, body, moment),
            as_of=moment,
            channel=CHANNEL,
            caller=Caller(name="rehearsal"),
            request=body,
            request_id=name,
            reasons=False,
        )


def _read(body: bytes, moment: datetime, declaration: Declaration) -> Facts:
    return READERS[CHANNEL](declaration, body, moment)


def _moments(rows: pl.DataFrame, plan: Rehearsal) -> Iterator[tuple[datetime, float]]:
    """At most so many moments with their labels.

    Of every row, spread from the first to the last. Where only some rows are asked about, the
    first of those: the monitor counts a patient once, within a day of the first question, so that
    it counts whom it would have counted with all of them.
    """
    one = rows.unique("prediction_time", keep="first").sort("prediction_time")
    many = min(plan.questions_per_patient, one.height)
    at = np.arange(many)
    if plan.asked_every == 1:
        at = np.unique(np.linspace(0, one.height - 1, many).astype(int))
    for moment, label in one[at.tolist()].select("prediction_time", "label").iter_rows():
        yield moment, float("nan") if label is None else float(label)
