"""Finding predictions and their notes in the index that the ledger writes."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Engine, Row, func, select

from bedside.core.errors import NotFound
from bedside.core.records.prediction import Prediction, PredictionNote
from bedside.governance.adapters.tables import NOTES, PREDICTIONS, SUBJECTS

__all__ = ["SqlPredictions"]

_AT_ONCE = 500  # rows
_ANSWERED = [one.name for one in PREDICTIONS.c]
_NOTED = [one.name for one in NOTES.c]


class SqlPredictions:
    """The Predictions port on SQLAlchemy.

    Args:
        engine: The database of a `SqlLedger`, which made the tables.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, prediction_id: str) -> Prediction:
        """One prediction.

        Raises:
            NotFound: the ledger has no such prediction.
        """
        found = self._one(PREDICTIONS.c.prediction_id == prediction_id)
        if found is None:
            raise NotFound(
                "The ledger has no prediction with this id.",
                fix="see which there are: bedside prediction list.",
            )
        return found

    def answered(self, request_tag: str) -> Prediction | None:
        """The prediction that answered this request, None when there is none (any more)."""
        return self._one(PREDICTIONS.c.request_tag == request_tag)

    def find(
        self,
        *,
        model: str | None = None,
        version: str | None = None,
        since: str | None = None,
        until: str | None = None,
        outcome: str | None = None,
        shown: bool | None = None,
        limit: int | None = None,
    ) -> Iterator[Prediction]:
        """Predictions that fit all that is given, newest first."""
        columns, conditions = PREDICTIONS.c, list[ColumnElement[bool]]()
        for column, wanted in (
            (columns.model, model), (columns.version, version), (columns.outcome, outcome),
            (columns.shown, None if shown is None else int(shown)),
        ):  # fmt: skip
            if wanted is not None:
                conditions.append(column == wanted)
        if since is not None:
            conditions.append(columns.at >= since)
        if until is not None:
            conditions.append(columns.at < until)
        return self._found(*conditions, limit=limit)

    def many(self, version: str, *, since: str, until: str, limit: int) -> int:
        """How many answers of a version were recorded since one time and before another."""
        columns = PREDICTIONS.c
        mine = (columns.version == version, columns.at >= since, columns.at < until)
        some = select(columns.sequence).where(*mine).limit(limit).subquery()
        with self._engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(some)).scalar_one())

    def notes(self, prediction_ids: Sequence[str]) -> list[PredictionNote]:
        """What became known of these predictions later, oldest first; every `value` is sealed."""
        found: list[PredictionNote] = []
        with self._engine.connect() as connection:
            for begin in range(0, len(prediction_ids), _AT_ONCE):
                some = list(prediction_ids[begin : begin + _AT_ONCE])
                asked = select(NOTES).where(NOTES.c.prediction_id.in_(some))
                found += [_note(row) for row in connection.execute(asked)]
        return sorted(found, key=lambda note: note.sequence)

    def after(self, version: str, sequence: int) -> Iterator[Prediction]:
        """Answers of a version that came after this entry of the ledger, oldest first."""
        columns = PREDICTIONS.c
        new = select(PREDICTIONS).where(columns.sequence > sequence, columns.version == version)
        with (
            self._engine.connect() as connection,
            connection.execute(
                new.order_by(columns.sequence), execution_options={"yield_per": _AT_ONCE}
            ) as rows,
        ):
            for row in rows:
                yield _prediction(row)

    def entered(self, sequences: Sequence[int]) -> list[Prediction]:
        """The predictions of these entries of the ledger, oldest first."""
        return self._each(PREDICTIONS.c.sequence, sequences)

    def named(self, prediction_ids: Sequence[str]) -> list[Prediction]:
        """Those of these predictions that there are, oldest first."""
        return self._each(PREDICTIONS.c.prediction_id, prediction_ids)

    def notes_after(self, version: str, sequence: int) -> Iterator[PredictionNote]:
        """Notes of a version's answers that came after this entry of the ledger, oldest first."""
        theirs = PREDICTIONS.c.prediction_id == NOTES.c.prediction_id
        new = (
            select(NOTES)
            .join(PREDICTIONS, theirs)
            .where(NOTES.c.sequence > sequence, PREDICTIONS.c.version == version)
            .order_by(NOTES.c.sequence)
        )
        with (
            self._engine.connect() as connection,
            connection.execute(new, execution_options={"yield_per": _AT_ONCE}) as rows,
        ):
            for row in rows:
                yield _note(row)

    def subject_tags(self, version: str) -> set[str]:
        """The tags of everybody about whom a version answered, but for whom was erased."""
        columns = PREDICTIONS.c
        asked = select(columns.subject_tag).distinct().where(columns.version == version)
        with self._engine.connect() as connection:
            return {tag for (tag,) in connection.execute(asked) if tag is not None}

    def erasures(self) -> int:
        """A number that grows with every subject who is erased; cheap."""
        with self._engine.connect() as connection:
            return connection.execute(select(func.max(SUBJECTS.c.forgetting))).scalar() or 0

    def _one(self, condition: ColumnElement[bool]) -> Prediction | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(PREDICTIONS).where(condition)).one_or_none()
        return None if row is None else _prediction(row)

    def _each(self, column: Column[Any], wanted: Sequence[Any]) -> list[Prediction]:
        found: list[Prediction] = []
        with self._engine.connect() as connection:
            for begin in range(0, len(wanted), _AT_ONCE):
                some = list(wanted[begin : begin + _AT_ONCE])
                asked = select(PREDICTIONS).where(column.in_(some))
                found += [_prediction(row) for row in connection.execute(asked)]
        return sorted(found, key=lambda one: one.sequence)

    def _found(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> Iterator[Prediction]:
        asked = select(PREDICTIONS).where(*conditions).limit(limit)
        newest_first = asked.order_by(PREDICTIONS.c.sequence.desc())
        streamed = {"yield_per": _AT_ONCE}
        with (
            self._engine.connect() as connection,
            connection.execute(newest_first, execution_options=streamed) as rows,
        ):
            for row in rows:
                yield _prediction(row)


def _prediction(row: Row[Any]) -> Prediction:
    told = dict(zip(_ANSWERED, row, strict=True))
    told["shown"] = bool(told["shown"])
    return Prediction(**told)


def _note(row: Row[Any]) -> PredictionNote:
    return PredictionNote(**dict(zip(_NOTED, row, strict=True)))
