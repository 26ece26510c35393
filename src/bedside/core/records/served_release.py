"""What a server that only scores is given to serve: versions, their bundles and their stages."""

from dataclasses import dataclass

from bedside.core.records.version import Stage

__all__ = ["RELEASE_FILE", "ServedRelease"]

RELEASE_FILE = "release.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRelease:
    """One version as it is to be served elsewhere: silent, in canary, or live.

    `share` and `wards` say who sees a version in canary.
    """

    version: str
    bundle: str
    stage: Stage
    share: float | None = None
    wards: tuple[str, ...] = ()
