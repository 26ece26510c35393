"""Finding predictions and their notes in the index that the ledger writes."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Engine, select

from bedside.core.errors import NotFound
from bedside.core.records.prediction import Prediction, PredictionNote
from bedside.governance.adapters.tables import NOTES, PREDICTIONS

__all__ = ["SqlPredictions"]

_AT_ONCE = 500  # rows


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
        found = next(self._found(PREDICTIONS.c.prediction_id == prediction_id), None)
        if found is None:
            raise NotFound(
                "The ledger has no prediction with this id.",
                fix="see which there are: bedside prediction list.",
            )
        return found

    def answered(self, request_tag: str) -> Prediction | None:
        """The prediction that answered this request, None when there is none (any more)."""
        return next(self._found(PREDICTIONS.c.request_tag == request_tag), None)

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
        columns, conditions = PREDICTIONS.c, []
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

    def notes(self, prediction_ids: Sequence[str]) -> list[PredictionNote]:
        """What became known of these predictions later, oldest first; every `value` is sealed."""
        found: list[PredictionNote] = []
        with self._engine.connect() as connection:
            for begin in range(0, len(prediction_ids), _AT_ONCE):
                some = list(prediction_ids[begin : begin + _AT_ONCE])
                asked = select(NOTES).where(NOTES.c.prediction_id.in_(some))
                found += [PredictionNote(**row._asdict()) for row in connection.execute(asked)]
        return sorted(found, key=lambda note: note.sequence)

    def _found(self, *conditions: object, limit: int | None = None) -> Iterator[Prediction]:
        asked = select(PREDICTIONS).where(*conditions).limit(limit)  # type: ignore[arg-type]
        newest_first = asked.order_by(PREDICTIONS.c.sequence.desc())
        with self._engine.connect() as connection:
            rows = connection.execute(newest_first, execution_options={"yield_per": _AT_ONCE})
            for row in rows:
                told = row._asdict()
                yield Prediction(**told | {"shown": bool(told["shown"])})
