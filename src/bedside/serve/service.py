"""What is served now: each model by its name, and how a question reaches the versions of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bedside.core.errors import BedsideError, NotFound
from bedside.core.records.answer import Answer
from bedside.core.records.asked import Asked
from bedside.core.records.declaration import Declaration
from bedside.core.records.rollout import Canary
from bedside.core.records.version import Stage
from bedside.serve.answer import Answerer
from bedside.serve.respond import Workers

__all__ = ["ServedModel", "Service", "models_of"]

_FIRST = (Stage.LIVE, Stage.CANARY, Stage.SILENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """The versions of one model that answer now.

    `first` is the one the wires describe: the live version, else the one in canary, else the
    newest silent one. `challengers` answer the same questions beside it.
    """

    name: str
    first: Answerer
    challengers: tuple[Answerer, ...] = ()
    canary: Canary | None = None

    @property
    def declaration(self) -> Declaration:
        """Of the first version."""
        return self.first.declaration

    def for_patient(self, *, key: bytes, subject: int | None, ward: str | None) -> Answerer | None:
        """The version whose answer this patient's clinicians are shown; None: nobody is shown."""
        versions = {one.stage: one for one in (*self.challengers, self.first)}
        canary = versions.get(Stage.CANARY)
        terms = self.canary or Canary()
        if canary and terms.sees(key=key, model=self.name, subject=subject, ward=ward):
            return canary
        return versions.get(Stage.LIVE)


class Service:
    """Puts each question to every version of its model, and gives one answer.

    Args:
        models: By name.
        key: Draws the patients of a canary; the same on every server of a workspace.
    """

    def __init__(self, models: Mapping[str, ServedModel], *, key: bytes = bytes(32)) -> None:
        self.models = dict(models)
        self._key = key
        self._workers = Workers()

    def model(self, name: str) -> ServedModel:
        """One model.

        Raises:
            NotFound: it is not served.
        """
        found = self.models.get(name)
        if found is None:
            raise NotFound(
                "No model of this name is served here.",
                fix=f"use one of: {', '.join(sorted(self.models)) or 'none is served'}.",
            )
        return found

    async def answer(self, model: ServedModel, asked: Asked) -> Answer:
        """The answer to show, or, where this patient's are withheld, one that is not `shown`.

        Raises:
            Invalid: the question cannot be read by the version that would be shown.
            Unavailable: the ledger could not keep the answer, so none is given.
        """
        return await self._workers.run(lambda: self._answer(model, asked))

    async def record(
        self,
        model: ServedModel,
        action: str,
        details: dict[str, Any],
        *,
        sealed: bytes,
        subject: int | None = None,
    ) -> None:
        """Append to the ledger what came back from the bedside, such as feedback on a card."""
        await self._workers.run(
            lambda: model.first.record(action, details, sealed=sealed, subject=subject)
        )

    def _answer(self, model: ServedModel, asked: Asked) -> Answer:
        facts = asked.read(model.declaration)
        shown = model.for_patient(key=self._key, subject=facts.subject, ward=asked.ward)
        if shown is None or shown is model.first:
            answer = model.first.answer_from(asked, facts, shown=shown is not None)
        else:
            answer = shown.answer(asked)
        for other in (model.first, *model.challengers):
            if other is not shown and other.version_id != answer.version:
                _beside(other, asked)
        return answer


def models_of(
    answerers: Iterable[Answerer], canaries: Mapping[str, Canary]
) -> dict[str, ServedModel]:
    """The versions by their model.

    Args:
        answerers: In the order in which they were released.
        canaries: Who sees the version in canary, by model.
    """
    grouped: dict[str, list[Answerer]] = {}
    for one in answerers:
        grouped.setdefault(one.declaration.name, []).append(one)
    return {name: _served(name, versions, canaries.get(name)) for name, versions in grouped.items()}


def _served(name: str, versions: list[Answerer], canary: Canary | None) -> ServedModel:
    ranked = sorted(enumerate(versions), key=lambda one: (_FIRST.index(one[1].stage), -one[0]))
    first, *others = [one for _, one in ranked]
    return ServedModel(name=name, first=first, challengers=tuple(others), canary=canary)


def _beside(challenger: Answerer, asked: Asked) -> None:
    """What a challenger would have said is kept, and never disturbs who is shown."""
    try:
        challenger.answer(replace(asked, request_id=None), shown=False)
    except BedsideError:
        return
