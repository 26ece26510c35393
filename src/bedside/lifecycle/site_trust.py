"""Which hub a site trusts, and which sites a hub: keys that a person compared."""

import re

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.records.site import Role, Trusted
from bedside.core.web_address import WebAddress
from bedside.lifecycle.platform import Platform

__all__ = ["fingerprint_of", "mark_of", "trust", "trusted", "trusted_by_name"]

_TRUST = "site.trust"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_KEY = re.compile(r"[0-9a-f]{64}")
_MARK = 32  # hexadecimal digits: 128 bits, short enough to be read out


def mark_of(key: bytes) -> str:
    """The fingerprint of a public key: the first 32 hexadecimal digits of its SHA-256."""
    return digest_bytes(key)[:_MARK]


def fingerprint_of(mark: str) -> str:
    """The fingerprint in groups of four, as it is read out by telephone.

    >>> fingerprint_of("0123456789abcdef0123456789abcdef")
    '0123 4567 89ab cdef 0123 4567 89ab cdef'
    """
    return " ".join(mark[at : at + 4] for at in range(0, len(mark), 4))


def trust(
    platform: Platform,
    name: str,
    key: bytes,
    *,
    confirmed: str,
    role: Role = "hub",
    url: str | None = None,
    certificates: str | None = None,
) -> Trusted:
    """Trust a key from now on, instead of any that had this name and role before.

    Args:
        platform: The workspace.
        name: By which the hub, or the site, is to be known here.
        key: The public half, 32 bytes.
        confirmed: The fingerprint as whoever holds the key told it, by another way than the file.
        role: As what it is trusted.
        url: Where the hub's packets lie: an https address, or a folder. Nobody but the operator
            says it; no packet, index or report is ever asked.
        certificates: A file of certificates to trust there.

    Raises:
        Invalid: the name, the key or the address is none, or a site is given an address.
        Refused: the fingerprint is another (code `not_confirmed`).
    """
    if _NAME.fullmatch(name) is None:
        raise Invalid("That is not a name.", fix="use a-z, 0-9, hyphens and underscores.")
    if len(key) != 32:
        raise Invalid("That is not a public key of Ed25519.", fix="give what site key wrote.")
    if role == "site" and (url, certificates) != (None, None):
        raise Invalid("A site is never called.", fix="leave --url and --certificates out.")
    if url is not None and "://" in url:
        WebAddress.read(url, what="The address of the hub")
    mark = mark_of(key)
    if re.sub(r"[\s:-]", "", confirmed).lower() != mark:
        raise Refused(
            f"The fingerprint that was given is not that of the key, {fingerprint_of(mark)}.",
            fix="ask whoever holds the key for its fingerprint, by telephone, and give that.",
            code="not_confirmed",
        )
    one = Trusted(
        name=name, role=role, key=key.hex(), mark=mark, url=url, certificates=certificates
    )
    details = {"known_as": name, "role": role, "key": one.key, "url": url}
    platform.ledger.append(platform.actor, _TRUST, {**details, "certificates": certificates})
    return one


def trusted(platform: Platform, role: Role) -> list[Trusted]:
    """Every key that is trusted in this role, by name."""
    found: dict[str, Trusted] = {}
    for entry in platform.ledger.entries():
        told = entry.details
        if entry.action == _TRUST and told["role"] == role and _KEY.fullmatch(told["key"]):
            found[told["known_as"]] = Trusted(
                name=told["known_as"],
                role=role,
                key=told["key"],
                mark=mark_of(bytes.fromhex(told["key"])),
                url=told["url"],
                certificates=told["certificates"],
            )
    return [found[name] for name in sorted(found)]


def trusted_by_name(platform: Platform, role: Role, name: str | None) -> Trusted:
    """The hub, or the site, of this name; without a name the only one.

    Raises:
        NotFound: there is none.
        Invalid: there are several, and none is named.
    """
    found = trusted(platform, role)
    if name is None and len(found) > 1:
        raise Invalid(f"Several {role}s are trusted here.", fix="name one of them.")
    named = [one for one in found if name in (None, one.name)]
    if not named:
        raise NotFound(
            f"No {role} {'is trusted here' if name is None else 'of this name is trusted here'}.",
            fix="trust its key first: bedside site trust NAME KEYFILE.",
        )
    return named[0]
