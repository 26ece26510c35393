"""The accounting of disclosures as a page that a hospital hands to the person who asked."""

from collections.abc import Sequence
from html import escape

from bedside.governance.disclosures import YEARS, Disclosure

__all__ = ["disclosures_page"]

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.5rem;border-bottom:1px solid #bbb}"
    "caption{text-align:left;font-weight:600;padding:1.5rem 0 .5rem}footer{color:#444;"
    "margin-top:2rem}"
)


def disclosures_page(found: Sequence[Disclosure], *, since: str, until: str) -> str:
    """The page, in plain words; it names nobody, so that a clerk adds the name by hand.

    Args:
        found: The disclosures, oldest first.
        since: ISO 8601, the beginning of the time that it covers.
        until: Its end.
    """
    due = [one for one in found if one.exempt is None]
    other = [one for one in found if one.exempt is not None]
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>Accounting of disclosures</title><style>{_STYLE}</style></head><body><main>",
        "<h1>To whom your health records were disclosed</h1>",
        f"<p>From {_day(since)} to {_day(until)}, as our record of this system says, which cannot "
        "be changed unseen.</p><p>Prepared for: ______________________</p>",
        _table("These disclosures must be accounted for", due)
        if due
        else "<p><strong>There was no disclosure that must be accounted for.</strong></p>",
    ]
    if other:
        parts.append(_table("We also tell you of these, though we need not", other))
    parts.append(
        f"<footer><p>You may ask about the last {YEARS} years (45 CFR 164.528). Disclosures for "
        "treatment, for payment, for running the hospital, to yourself, and as part of limited "
        "data sets need not be listed. Where a whole data set was disclosed, it is named by the "
        "beginning of its digest. What other systems of the hospital disclosed is not here."
        "</p></footer></main></body></html>\n"
    )
    return "\n".join(parts)


def _table(title: str, rows: Sequence[Disclosure]) -> str:
    body = "".join(
        f"<tr><td>{_day(one.at)} {escape(one.at[11:16])} UTC</td><td>{escape(one.recipient)}</td>"
        f"<td>{escape(one.what)}{_how(one)}</td>"
        f"<td>{escape(one.purpose)}{_why_not(one)}</td><td>{one.entry}</td></tr>"
        for one in rows
    )
    return (
        f"<table><caption>{escape(title)}: {len(rows)}</caption><thead><tr>"
        "<th scope=col>When</th><th scope=col>To whom</th><th scope=col>What</th>"
        "<th scope=col>What for</th><th scope=col>Entry</th></tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _how(one: Disclosure) -> str:
    return "" if one.named else " — whether your record was in it cannot be told any more"


def _why_not(one: Disclosure) -> str:
    return "" if one.exempt is None else f" ({escape(one.exempt)})"


def _day(text: str) -> str:
    return escape(text[:10])
