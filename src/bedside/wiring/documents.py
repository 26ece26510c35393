"""What stands around a workspace, for the documents about it: its ledger's proof and its access."""

import os
from collections.abc import Mapping

from bedside.core.errors import BedsideError
from bedside.lifecycle.documents_workspace import Around
from bedside.lifecycle.ledger_verify import verify_ledger
from bedside.lifecycle.platform import Platform
from bedside.serve.login import SESSION_HOURS
from bedside.wiring.access import list_clients
from bedside.wiring.access_file import read_access
from bedside.wiring.checkpoints import books_of

__all__ = ["around_of"]


def around_of(platform: Platform, environment: Mapping[str, str] = os.environ) -> Around:
    """Verify the ledger, and read the settings of access; no secret is read."""
    try:
        access = read_access(platform.folder)
        issuer, certificates = access.issuer, access.certificates
    except BedsideError:  # a file that is wrong is no evidence of anything
        issuer, certificates = None, None
    signs_in = issuer is not None and issuer.client_id is not None
    return Around(
        verified=verify_ledger(platform, books_of(platform)),
        clients=tuple(list_clients(platform)),
        issuer=issuer is not None,
        certificates=certificates is not None,
        session_hours=SESSION_HOURS if signs_in else None,
        behind_proxy=environment.get("BEDSIDE_BEHIND_PROXY") == "1",
    )
