"""What a hub knows of its sites, and a site of its hubs."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bedside.core.ports import ByteVerifier
from bedside.core.records.site import Trusted
from bedside.core.records.site_report import SiteReport
from bedside.lifecycle.local_evidence import latest_validation, pulled_from
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.site_pulling import offered_to
from bedside.lifecycle.site_reporting import latest_reports, versions_here
from bedside.lifecycle.site_trust import fingerprint_of, trusted

__all__ = ["overview"]


def overview(platform: Platform, verifier_of: Callable[[Trusted], ByteVerifier]) -> dict[str, Any]:
    """`hubs` with what they offer, `versions` that came from them, `sites` with what they tell.

    Args:
        platform: The workspace.
        verifier_of: Makes a key of what is trusted.

    Raises:
        Refused: a report that was kept is not the one that came.
    """
    entries = list(platform.ledger.entries())
    here = {version.id for version, _ in versions_here(platform)}
    return {
        "hubs": [
            {
                "name": hub.name,
                "fingerprint": fingerprint_of(hub.mark),
                "url": hub.url,
                "offers": [
                    {**asdict(one), "taken": one.version in here}
                    for one in offered_to(platform, hub)
                ],
            }
            for hub in trusted(platform, "hub")
        ],
        "versions": [
            {
                "version": version.id,
                "origin": pulled_from(entries, version),
                "stage": version.stage.value,
                "validated": None if found is None else found.passed,
                "validated_at": None if found is None else found.at,
            }
            for version, _ in versions_here(platform)
            for found in (latest_validation(entries, version),)
        ],
        "sites": [_site(site, told) for site, told in latest_reports(platform, verifier_of)],
    }


def _site(site: Trusted, told: SiteReport | None) -> dict[str, Any]:
    return {
        "name": site.name,
        "fingerprint": fingerprint_of(site.mark),
        "report": None if told is None else asdict(told),
    }
