"""Opening a bundle with every byte and its signature checked, and nothing else loaded.

A server that only scores opens bundles by this; it holds no store of data and no training library.
"""

import json
from pathlib import Path

from bedside.core.ports import Signer
from bedside.core.records.bundle import DECLARATION, EVIDENCE, Bundle, GroupThreshold
from bedside.deploy.package.opening import read_sealed
from bedside.interop.declaration import declaration_from_json

__all__ = ["opened"]


def opened(bundles: Path, digest: str, signer: Signer) -> Bundle:
    """The bundle of this digest, whose signature `DIGEST.sig` lies beside it.

    Args:
        bundles: Where the bundles lie.
        digest: SHA-256 of its manifest.
        signer: Knows the key that is trusted.

    Raises:
        NotFound: there is no such bundle.
        Refused: a byte was changed, a file added or removed, or the signature does not hold.
    """
    files = read_sealed(bundles, digest)
    signer.verify(str(bundles / digest), str(bundles / f"{digest}.sig"))
    told = json.loads(files[EVIDENCE])["threshold"]
    return Bundle(
        digest=digest,
        declaration=declaration_from_json(files[DECLARATION]),
        threshold=told["value"],
        group_thresholds=tuple(GroupThreshold(**group) for group in told.get("groups", ())),
        files=files,
    )
