"""What runs models and shards, and tells how far it has come."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

__all__ = ["Engine", "Explainer", "Margins", "Predictor", "Progress"]


class Engine(Protocol):
    """Does one piece of work on many shards: on this machine, or on a cluster."""

    def map(self, work: str, tasks: Sequence[bytes]) -> Iterator[bytes]:
        """The result of each task, in the order of the tasks, as they become ready.

        Args:
            work: The function, as `bedside.package.module:name`; it takes bytes and returns bytes.
            tasks: What it is given, one at a time.

        Raises:
            Invalid: `work` does not lie in Bedside.
            BedsideError: of the first task that failed, as it was raised there.
            Unavailable: a worker was lost (code `worker_lost`) or failed (`worker_failed`).
        """
        ...


class Explainer(Protocol):
    """How much each feature moved a score."""

    def contributions(self, matrix: Any) -> Any:
        """On the model's margin, shape (n, n_features + 1); the last column is what is expected."""
        ...


@runtime_checkable
class Margins(Protocol):
    """An explainer that tells the margin of a score without its parts, which is much faster."""

    def margin(self, matrix: Any) -> Any:
        """Before calibration, shape (n,): what the contributions add up to."""
        ...


class Predictor(Protocol):
    """Feature rows in, calibrated predictions out."""

    def predict(self, matrix: Any) -> Any:
        """Risks, shape (n,), float64, of a float64 matrix of shape (n, n_features).

        In [0, 1], but for a model of a number, which gives that.
        """
        ...

    def outputs(self, matrix: Any) -> Any:
        """Everything that is predicted, shape (n, outputs): by horizon, by level, or one."""
        ...


class Progress(Protocol):
    """Tells a person how far long work has come."""

    def step(
        self, name: str, *, total: int | None = None
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Announce a step; the yielded function advances it by that many units."""
        ...

    def note(self, text: str) -> None:
        """One line of plain words."""
        ...

    def skipped(self, name: str) -> None:
        """A step whose result already exists."""
        ...
