"""What patients permit and refuse: for which purposes, from when and until when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bedside.core.clock import iso, parse_instant
from bedside.core.errors import Invalid
from bedside.core.records.purpose import Purpose

__all__ = ["CONSENT", "Consent", "Kind", "Provision", "provision_of", "said_of", "told_provisions"]

CONSENT = "BEDSIDE//consent"
"""The code of the fact that a patient said so; what they said stands in `text`."""
Kind = Literal["permit", "deny"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """One rule of a consent.

    Args:
        kind: Whether it permits or refuses.
        purposes: What for; empty: for every purpose.
        starts: From when on; None: from ever. Time-zone aware.
        ends: Until when, exclusive; None: without end. Time-zone aware.

    Source: FHIR R4, Consent.provision.
    """

    kind: Kind
    purposes: frozenset[Purpose] = frozenset()
    starts: datetime | None = None
    ends: datetime | None = None

    def __post_init__(self) -> None:
        if self.starts is not None and self.ends is not None and self.starts >= self.ends:
            raise Invalid(
                "A consent ends before it begins.", fix="give a later end.", code="consent"
            )

    def covers(self, purpose: Purpose, moment: datetime) -> bool:
        """Whether it speaks of this purpose, or of a wider one, at this moment."""
        if self.starts is not None and moment < self.starts:
            return False
        if self.ends is not None and moment >= self.ends:
            return False
        return not self.purposes or any(purpose.is_a(one) for one in self.purposes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What one patient said at one time, as a hospital wrote it down here.

    Args:
        tag: A keyed digest of the patient's identifier: it names nobody.
        provision: What they said.
        recorded: When it was written down; a later one counts before an earlier one.
        by: Who wrote it down.
        is_withdrawal: It takes back what they had permitted.
    """

    tag: str
    provision: Provision
    recorded: datetime
    by: str
    is_withdrawal: bool = False


def said_of(
    told: Iterable[tuple[datetime, Provision]], purpose: Purpose, moment: datetime
) -> Kind | None:
    """What a patient says about a purpose at a moment: the last word that covers it.

    Args:
        told: Each provision and when it was written down. Of two at once, one that names purposes
            counts before one that speaks of all, and then a refusal before a permit.
        purpose: What for.
        moment: When.

    Returns:
        None where nothing covers it.
    """
    found = [one for one in told if one[1].covers(purpose, moment) and one[0] <= moment]
    if not found:
        return None
    last = max(at for at, _ in found)
    words = [provision for at, provision in found if at == last]
    kinds = {one.kind for one in words if one.purposes} or {one.kind for one in words}
    return "deny" if "deny" in kinds else "permit"


def told_provisions(provisions: Iterable[Provision]) -> str:
    """Provisions as the text of a fact, to be read by `provision_of`.

    >>> told_provisions([Provision(kind="deny", purposes=frozenset({Purpose.HRESCH}))])
    'deny HRESCH - -'
    """
    return "; ".join(
        f"{one.kind} {','.join(sorted(one.purposes)) or '*'} {_at(one.starts)} {_at(one.ends)}"
        for one in provisions
    )


def provision_of(text: str) -> tuple[Provision, ...]:
    """The provisions that a fact's text tells.

    Raises:
        Invalid: it tells none that `told_provisions` could have written.

    >>> provision_of("deny HRESCH - -; permit * - -")[1].kind
    'permit'
    """
    try:
        return tuple(_read(*part.split(" ")) for part in text.split("; ") if part)
    except (TypeError, ValueError, KeyError):
        raise Invalid(
            "The text of a consent cannot be read.", fix="collect the source again."
        ) from None


def _read(kind: str, purposes: str, starts: str, ends: str) -> Provision:
    if kind not in ("permit", "deny"):
        raise ValueError
    return Provision(
        kind="permit" if kind == "permit" else "deny",
        purposes=frozenset(Purpose(one) for one in purposes.split(",") if one != "*"),
        starts=None if starts == "-" else parse_instant(starts),
        ends=None if ends == "-" else parse_instant(ends),
    )


def _at(moment: datetime | None) -> str:
    return "-" if moment is None else iso(moment)
