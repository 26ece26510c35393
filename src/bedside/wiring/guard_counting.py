"""What a watch on guards finds, counted for the metrics of its server."""

from bedside.core.clock import Clock
from bedside.lifecycle.rollout import Fired, GuardJudged
from bedside.wiring.operations import metrics_here

__all__ = ["GuardCounts"]


class GuardCounts:
    """Counts what a watch on guards finds, beside the server processes."""

    def __init__(self, clock: Clock) -> None:
        self._metrics, self._clock = metrics_here(), clock
        self._known: set[tuple[str, str, str]] = set()

    def looked(self, judged: list[GuardJudged], fired: list[Fired]) -> None:
        """One look at every guard is over."""
        now = {
            (one.version.partition("@")[0], one.version, one.result.guard.metric): one.result.state
            == "broken"
            for one in judged
        }
        for key in self._known - set(now):
            self._metrics.guard(*key, broken=False)
        for key, broken in now.items():
            self._metrics.guard(*key, broken=broken)
        self._known |= set(now)
        for one in fired:
            self._metrics.guard_fired(one.version.partition("@")[0], one.then)
        self._metrics.guards_judged(self._clock.now().timestamp())
