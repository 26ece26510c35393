"""The versions of one model that answer now, and whose answer a patient's clinicians are shown."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from bedside.core.records.declaration import Declaration
from bedside.core.records.rollout import Canary
from bedside.core.records.version import Stage
from bedside.serve.answer import Answerer

__all__ = ["ServedModel", "models_of"]

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

    @property
    def versions(self) -> tuple[Answerer, ...]:
        """Every version, the first one first."""
        return (self.first, *self.challengers)

    def suspending(self, versions: Collection[str]) -> "ServedModel":
        """The same versions, of which these and no others abstain."""

        def told(one: Answerer) -> Answerer:
            return one.in_stage(one.stage, suspended=one.version_id in versions)

        others = tuple(map(told, self.challengers))
        return replace(self, first=told(self.first), challengers=others)

    def declaration_of(self, version_id: str) -> Declaration:
        """Of the version that answered; of the first one, if that is no longer here."""
        for one in self.challengers:
            if one.version_id == version_id and version_id != self.first.version_id:
                return one.declaration
        return self.first.declaration

    def for_patient(self, *, key: bytes, subject: int | None, ward: str | None) -> Answerer | None:
        """The version whose answer this patient's clinicians are shown; None: nobody is shown."""
        if not self.challengers and self.first.stage is Stage.LIVE:
            return self.first
        versions = {one.stage: one for one in reversed(self.versions)}
        canary = versions.get(Stage.CANARY)
        terms = self.canary or Canary()
        if canary and terms.sees(key=key, model=self.name, subject=subject, ward=ward):
            return canary
        return versions.get(Stage.LIVE)


def models_of(
    answerers: Iterable[Answerer], canaries: Mapping[str, Canary]
) -> dict[str, ServedModel]:
    """The versions by their model; one that only waits to be called back is left out.

    Args:
        answerers: In the order in which they were released.
        canaries: Who sees the version in canary, by model.
    """
    grouped: dict[str, list[Answerer]] = {}
    for one in answerers:
        if one.stage in _FIRST:
            grouped.setdefault(one.declaration.name, []).append(one)
    return {name: _served(name, versions, canaries.get(name)) for name, versions in grouped.items()}


def _served(name: str, versions: list[Answerer], canary: Canary | None) -> ServedModel:
    ranked = sorted(enumerate(versions), key=lambda one: (_FIRST.index(one[1].stage), -one[0]))
    first, *others = [one for _, one in ranked]
    return ServedModel(name=name, first=first, challengers=tuple(others), canary=canary)
