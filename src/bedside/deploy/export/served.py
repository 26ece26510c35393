"""The sealed statement of what a scoring server serves, and at which stage.

It is signed like a bundle: who changes the image's files cannot make a silent version live.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bedside.core.errors import Refused
from bedside.core.ids import canonical_json
from bedside.core.records.served_release import ServedRelease
from bedside.core.records.version import Stage

__all__ = ["BUNDLES", "RELEASES", "TRUSTED", "read_release", "release_to_json"]

BUNDLES, RELEASES, TRUSTED = "bundles", "releases", "trusted.pub"
_FORMAT = "bedside-release/1"
_STAGES = (Stage.SILENT, Stage.CANARY, Stage.LIVE)
_DIGEST = re.compile(r"[0-9a-f]{64}")


def release_to_json(versions: Sequence[ServedRelease]) -> bytes:
    """The statement; the same versions give the same bytes."""
    return canonical_json(
        {
            "format": _FORMAT,
            "versions": [asdict(one) | {"stage": str(one.stage)} for one in versions],
        }
    )


def read_release(content: bytes) -> tuple[ServedRelease, ...]:
    """The versions in a statement whose signature was checked.

    Raises:
        Refused: it is not such a statement (code `release_unreadable`).
    """
    try:
        told = json.loads(content)
        if told.keys() != {"format", "versions"} or told["format"] != _FORMAT:
            raise ValueError
        versions = tuple(_version(one) for one in told["versions"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        versions = ()
    if not versions:
        raise Refused(
            "The release does not say what is to be served.",
            fix="export it again with this version of Bedside.",
            code="release_unreadable",
        )
    return versions


def _version(told: dict[str, Any]) -> ServedRelease:
    share, wards, stage = told["share"], told["wards"], Stage(told["stage"])
    sound = (
        told.keys() == {"version", "bundle", "stage", "share", "wards"}
        and isinstance(told["version"], str)
        and _DIGEST.fullmatch(told["bundle"]) is not None
        and told["version"].partition("@")[2] == told["bundle"][:12]
        and stage in _STAGES
        and (share is None or (type(share) is float and math.isfinite(share) and 0 <= share <= 1))
        and isinstance(wards, list)
        and all(isinstance(ward, str) for ward in wards)
    )
    if not sound:
        raise ValueError
    return ServedRelease(
        version=told["version"],
        bundle=told["bundle"],
        stage=stage,
        share=share,
        wards=tuple(wards),
    )
