"""The page of a rehearsal, the same as Markdown and JSON, beside the other reports."""

from dataclasses import asdict, replace

from bedside.core.ids import canonical_json
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.rehearsal_account import Rehearsed
from bedside.monitor.rehearsal_page import render_rehearsal
from bedside.monitor.rehearsal_story import rehearsal_story

__all__ = ["write_rehearsal"]


def write_rehearsal(platform: Platform, done: Rehearsed) -> Rehearsed:
    """Write the page, the Markdown and the JSON; the account again, with the page's place."""
    page = platform.folder / "reports" / f"rehearsal-{done.name}.html"
    told = asdict(done) | {"is_as_planned": done.is_as_planned}
    platform.write(page.with_suffix(".json"), canonical_json(told))
    platform.write(page.with_suffix(".md"), rehearsal_story(told).encode())
    platform.write(page, render_rehearsal(told).encode())
    return replace(done, page=str(page))
