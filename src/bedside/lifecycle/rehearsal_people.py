"""The patients of a rehearsal: who builds the first version, and who comes on which day."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.question import ask
from bedside.core.clock import iso
from bedside.core.errors import Invalid
from bedside.core.ids import subject_pseudonym
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.bundle import FEATURES, Bundle
from bedside.core.records.caller import Caller
from bedside.core.records.declaration import Declaration
from bedside.core.records.event import EVENT_COLUMNS, Event
from bedside.core.records.rehearsal import Rehearsal
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

    Raises:
        Invalid: the model learns from a collected source (code `rehearsal_source`), or the data
            are not as it declares.
    """

    def __init__(self, platform: Platform, plan: Rehearsal, model: Path, data: Path | None) -> None:
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
        order = np.argsort(drawn, kind="stable")
        many = int((drawn < plan.built_from).sum())
        self.built, self._later = np.sort(ids[order][:many]), ids[order][many:]
        self._inputs: Mapping[str, Input] = {}

    def read_by(self, bundle: Bundle) -> None:
        """Ask for what this version reads."""
        features = feature_set_from_json(bundle.files[FEATURES])
        self._inputs = inputs_by_code(inputs_of(as_served(bundle.declaration, features)))

    def of_day(self, day: int) -> Ids:
        """Who comes on this day, shape (n,)."""
        many = self._plan.patients_per_day
        return self._later[day * many : (day + 1) * many]

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
                for moment, label in _spread(rows, self._plan.questions_per_patient)
            ]
        return made

    def table(self, whose: Ids, path: Path, *, wrong: float = 0.0) -> Path:
        """The rows of these patients as a table of their own; of a share, the outcome is wrong."""
        data = self.declaration.data
        names = self._raw[data.subject].cast(pl.String)
        pseudonym = {
            name: subject_pseudonym(name, salt=data.pseudonym_salt)
            for name in names.unique().drop_nulls()
        }
        ids = names.replace_strict(pseudonym, return_dtype=pl.Int64)
        rows = self._raw.filter(ids.is_in(whose.tolist()))
        if wrong:
            hit = uniform(ids.filter(ids.is_in(whose.tolist())).to_numpy(), self._plan.seed) < wrong
            for signal in self.declaration.signals.values():
                if signal.role == "outcome" and signal.column in rows.columns:
                    turned = pl.when(pl.Series(hit)).then(1 - pl.col(signal.column))
                    rows = rows.with_columns(turned.otherwise(pl.col(signal.column)))
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


def _spread(rows: pl.DataFrame, most: int) -> Iterator[tuple[datetime, float]]:
    """At most so many moments, the first and the last among them, with their labels."""
    one = rows.unique("prediction_time", keep="first").sort("prediction_time")
    at = np.unique(np.linspace(0, one.height - 1, min(most, one.height)).astype(int))
    for moment, label in one[at.tolist()].select("prediction_time", "label").iter_rows():
        yield moment, float("nan") if label is None else float(label)
