"""The hazard log of a version, written as a page into the workspace."""

from collections.abc import Sequence
from pathlib import Path

from bedside.core.clock import iso
from bedside.core.records.version import ModelVersion
from bedside.governance.hazard_states import HazardState
from bedside.governance.hazards_page import hazards_page
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle

__all__ = ["write_hazards_page"]


def write_hazards_page(
    platform: Platform, version: ModelVersion, states: Sequence[HazardState]
) -> Path:
    """Write the page; return where it lies."""
    declaration = open_bundle(platform, version).declaration
    page = hazards_page(
        states,
        title=declaration.title,
        version=version.id,
        stage=version.stage.value,
        at=iso(platform.clock.now()),
        matrix=declaration.risk_matrix,
    )
    path = platform.folder / "reports" / f"{version.name}-hazards.html"
    platform.write(path, page.encode())
    return path
