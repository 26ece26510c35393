"""What the settings say of checkpoints: where they go, how often they are made, who cosigns."""

import re
from dataclasses import dataclass
from pathlib import Path

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.governance.notes import Witness, witness_of
from bedside.governance.shipping import Place
from bedside.wiring.settings import S3_PLACE, VARIABLES, Settings

__all__ = ["CheckpointSettings", "checkpoint_settings"]

_EVERY = re.compile(r"([1-9][0-9]{0,8}) entries or (.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSettings:
    """Where checkpoints go, who cosigns them, and when a server makes the next one."""

    places: tuple[Place, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    every: int = 1000
    seconds: float = 300.0


def checkpoint_settings(settings: Settings) -> CheckpointSettings:
    """The settings of checkpoints.

    Raises:
        Invalid: a variable is not as it must be; its value is not repeated.
    """
    places = tuple(_place(one, settings) for one in _listed(settings.checkpoint_places))
    witnesses = tuple(witness_of(one) for one in _listed(settings.witnesses))
    every, seconds = 1000, 300.0
    if settings.checkpoint_every:
        found = _EVERY.fullmatch(settings.checkpoint_every.strip())
        if found is None:
            raise _wrong("BEDSIDE_CHECKPOINT_EVERY")
        every, seconds = int(found[1]), parse_duration(found[2]).total_seconds()
    if seconds < 1:
        raise _wrong("BEDSIDE_CHECKPOINT_EVERY")
    return CheckpointSettings(places=places, witnesses=witnesses, every=every, seconds=seconds)


def _place(text: str, settings: Settings) -> Place:
    from bedside.wiring.workspace import s3_blobs  # noqa: PLC0415

    bucket = S3_PLACE.fullmatch(text.rstrip("/"))
    if bucket is not None:
        return Place(name=text, blobs=s3_blobs(bucket[1], bucket[2] or "checkpoints", settings))
    if not Path(text).is_absolute():
        raise _wrong("BEDSIDE_CHECKPOINT_PLACES")
    from bedside.infra.blobs.disk import DiskBlobs  # noqa: PLC0415

    return Place(name=text, blobs=DiskBlobs(Path(text)))


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _wrong(name: str) -> Invalid:
    return Invalid(f"{name} makes no sense.", fix=f"give {VARIABLES[name]}.", code="setting")
