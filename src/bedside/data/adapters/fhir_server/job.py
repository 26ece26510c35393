"""How far an export has come: the note that lets a killed process go on."""

from dataclasses import asdict
from typing import Any

import msgspec

from bedside.core.errors import Invalid
from bedside.core.ids import digest_of
from bedside.core.ports.fhir import ExportState
from bedside.core.records.fhir_export import FhirServerOptions
from bedside.data.adapters.fhir_server.answers import Manifest

__all__ = ["Job", "JobNote", "question_of"]

_VERSION = 1
_ASKED = (
    "base_url", "level", "group", "types", "filters", "since", "incremental", "output_format",
)  # fmt: skip


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One export, or, where `status_url` is None, only the moment that the last one showed.

    Args:
        version: Of this form.
        question: The digest of what was asked.
        status_url: Where the server tells how the job is.
        manifest: What it made, once it is ready.
        done: The places in the manifest of the files that are kept whole.
        shown: The `transactionTime` of the last export that ended.
    """

    version: int = _VERSION
    question: str
    status_url: str | None = None
    manifest: Manifest | None = None
    done: list[int] = []
    shown: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every file is kept."""
        return self.manifest is not None and len(self.done) == len(self.manifest.files)


class JobNote:
    """The note, as the caller keeps it.

    Raises:
        Invalid: from `read`: what is kept is not ours (code `state_damaged`).
    """

    def __init__(self, state: ExportState) -> None:
        self._state = state

    def read(self) -> Job | None:
        """The job noted last, or None."""
        kept = self._state.load()
        if kept is None:
            return None
        try:
            job = msgspec.convert(kept, Job)
        except (msgspec.MsgspecError, RecursionError):
            raise _damaged() from None
        files = len(job.manifest.files) if job.manifest else 0
        whole = len(set(job.done)) == len(job.done) and all(
            0 <= place < files for place in job.done
        )
        if job.version != _VERSION or not whole:
            raise _damaged()
        return job

    def write(self, job: Job) -> Job:
        """Note it; returns it."""
        self._state.save(msgspec.to_builtins(job))
        return job


def question_of(options: FhirServerOptions) -> str:
    """The digest of everything that decides what an export gives."""
    every: dict[str, Any] = asdict(options)
    return digest_of({name: every[name] for name in _ASKED})


def _damaged() -> Invalid:
    return Invalid(
        "The note of how far the export had come is damaged, or of another version of Bedside.",
        fix="remove it; the next collection starts a new export.",
        code="state_damaged",
    )
