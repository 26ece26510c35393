"""The answerer of a version, asked about one row after the other: the oracle of a batch."""

from datetime import datetime

from bedside.core.records.asked import Asked, Facts
from bedside.core.records.bundle import LEARNT, MODEL
from bedside.core.records.caller import Caller
from bedside.core.records.version import Stage
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.serve.answer import Answerer
from bedside.serve.made import Made, Question

__all__ = ["AskedAlone"]


class AskedAlone:
    """A version that answers one question at a time, without reasons."""

    def __init__(self, platform: Platform, version_id: str) -> None:
        self.bundle = open_bundle(platform, platform.registry.get(version_id))
        self._platform = platform
        self._answerer = Answerer(
            self.bundle,
            version_id,
            Stage.SILENT,
            platform.predictor_of(self.bundle.files[MODEL]),
            platform.explainer_of(self.bundle.files[LEARNT]),
            platform.ledger,
            platform.clock,
            platform.actor,
        )

    def about(self, facts: Facts, as_of: datetime) -> Made:
        """What it says of one patient."""
        question = Question(
            asked=Asked(
                read=lambda _: facts,
                as_of=as_of,
                channel="test",
                caller=Caller(name="t"),
                request=b"{}",
                reasons=False,
            ),
            started=self._platform.clock.now(),
            shown=False,
        )
        (made,) = self._answerer.make([question])
        assert isinstance(made, Made)
        return made
