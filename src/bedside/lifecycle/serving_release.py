"""Opening a release that was exported: its statement and every bundle in it, each signed."""

import os
from pathlib import Path

from bedside.core.disk import disk_trouble
from bedside.core.errors import Refused
from bedside.core.ports import Signer
from bedside.core.records.bundle import Bundle
from bedside.core.records.served_release import RELEASE_FILE, ServedRelease
from bedside.deploy.export.served import BUNDLES, RELEASES, read_release
from bedside.deploy.package.opening import read_sealed
from bedside.lifecycle.opening import opened

__all__ = ["open_release"]


def open_release(folder: Path, signer: Signer) -> list[tuple[ServedRelease, Bundle]]:
    """Each version of the release and its bundle.

    Args:
        folder: With `releases/` (one statement) and `bundles/`; it is only read.
        signer: Knows the key that is trusted.

    Raises:
        Refused: there is no statement or more than one (code `release_unreadable`), or anything is
            not as it was signed.
    """
    try:
        found = sorted(
            entry.name for entry in os.scandir(folder / RELEASES) if not entry.name.endswith(".sig")
        )
    except FileNotFoundError:
        found = []
    except OSError as error:
        raise disk_trouble(error) from None
    if len(found) != 1:
        raise Refused(
            f"The release holds {len(found)} statements of what is served, and must hold one.",
            fix="export it again into a new folder.",
            code="release_unreadable",
        )
    statement = read_sealed(folder / RELEASES, found[0])
    signer.verify(str(folder / RELEASES / found[0]), str(folder / RELEASES / f"{found[0]}.sig"))
    versions = read_release(statement.get(RELEASE_FILE, b""))
    return [(one, opened(folder / BUNDLES, one.bundle, signer)) for one in versions]
