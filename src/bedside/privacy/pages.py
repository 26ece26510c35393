"""Pages about releases and their risk: no script, no network, the same bytes for the same."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW

__all__ = ["page"]

_DONE = {
    "drop": "left out",
    "stand_in": "replaced by something drawn at random",
    "keyed_hash": "replaced by a keyed hash",
    "zip3": "the first three digits; 000 where 20,000 people live or fewer",
    "cap": "90 stands for 90 and above",
    "year": "the year alone",
    "elapsed": "the time since the first event, told from the first of January of its year",
    "shift": "moved by one random number of weeks for each patient",
    "clean": "cleaned, where there is a certificate; else left out",
    "keep": "kept",
}


def page(template: str, told: Mapping[str, Any]) -> str:
    """A page that opens from a file. Everything given is escaped.

    Args:
        template: Its name, without `.html.j2`.
        told: The figures, as they also stand in the JSON file.
    """
    environment = Environment(
        loader=PackageLoader("bedside.privacy"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        words=lambda text: str(text).replace("_", " "),
        count=lambda number: f"{number:,}",
        people=_people,
        done=lambda action: _DONE[str(action)],
        per_cent=_per_cent,
        figure=lambda number: "–" if number is None else f"{number:.3g}",
    )
    return environment.get_template(f"{template}.html.j2").render(r=told)


def _people(number: int) -> str:
    return f"{number:,}" if number > SUPPRESS_AT_OR_BELOW else f"{SUPPRESS_AT_OR_BELOW} or fewer"


def _per_cent(share: float) -> str:
    told = 100 * share
    return f"{told:.1f} %" if told >= 0.1 or told == 0 else "below 0.1 %"
