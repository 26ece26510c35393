"""What tells a tracking server of runs; no verb depends on it."""

from typing import Protocol

from bedside.core.records.tracked_run import TrackedRun

__all__ = ["Tracker"]


class Tracker(Protocol):
    """A server that collects runs for people to compare; never the system of record."""

    def log(self, run: TrackedRun) -> str:
        """Tell it of a run; the id that the server gave the run.

        Raises:
            Refused: its address may not be called (code `tracker_address`).
            Unavailable: it is out of reach or refuses what it is told, or its client is not
                installed.
        """
        ...

    def register(self, run: TrackedRun, folder: str, name: str) -> str:
        """Tell it of a run, and register a folder among the run's files as a model.

        Args:
            run: Holds the folder in `files`.
            folder: The path of the folder in the run.
            name: Of the registered model, which is made if it is not there.

        Returns:
            The number of the model's new version.

        Raises:
            Refused, Unavailable: as `log`; the server takes in no files is Refused too.
        """
        ...
