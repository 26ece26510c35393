"""People's signing keys: enrolled by their holder, granted and taken back by an administrator."""

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json
from bedside.core.ports.signing import KeyInHand
from bedside.core.records.decision import Signer
from bedside.core.records.policy import Act, Resource, Role
from bedside.core.records.signature import enrolment_bytes
from bedside.lifecycle.deciding import book_of
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform

__all__ = ["enrol", "grant_signer", "revoke_signer", "signers_of"]


def enrol(platform: Platform, printed_name: str, signer: KeyInHand) -> Signer:
    """Register one's own public key, with a proof that one holds the other half.

    It signs nothing until an administrator, who has seen who this is, grants it.

    Raises:
        Invalid: there is no printed name, or who acts is a program.
    """
    who = platform.actor.name
    if not printed_name.strip() or len(printed_name) > 200:
        raise Invalid("A signer has a printed name.", fix="give it with --name.")
    if not who.startswith(("user:", "oidc:")):
        raise Invalid("A program signs nothing.", fix="enrol as the person that you are.")
    key = signer.public_key_bytes.hex()
    proof = signer.sign(enrolment_bytes(who, printed_name, key))
    platform.ledger.append(
        platform.actor,
        "signer.enrol",
        {"who": who, "key": key, "proof": proof.hex()},
        sealed=canonical_json({"printed_name": printed_name}),
    )
    return _newest(platform, who)


def grant_signer(platform: Platform, who: str, *, key: str | None = None) -> Signer:
    """Say that a key belongs to this person and may sign (21 CFR 11.100(b)).

    Args:
        platform: The workspace.
        who: The person.
        key: The beginning of their public key, as they told it; None: their newest.

    Raises:
        NotFound: they have enrolled no such key.
        Refused: the actor may not (code `not_allowed`), or they are the person and there is another
            administrator (`own_grant`), or it was granted or taken back before (`granted`).
    """
    enter(platform, Act.MANAGE_ACCESS, Resource(name=who))
    found = _newest(platform, who)
    if key is not None and not found.key.startswith(key.lower()):
        raise NotFound("Their newest key is another.", fix="compare: bedside sign list.")
    if who == platform.actor.name and _other_administrators(platform, who):
        raise Refused(
            "Nobody grants their own key while there is another administrator.",
            fix="ask the other one.",
            code="own_grant",
        )
    if found.granted is not None or found.revoked is not None:
        raise Refused(
            "This key was granted or taken back before.",
            fix="see it: bedside sign list; a new one: bedside sign enrol --again.",
            code="granted",
        )
    told = {"who": who, "key": found.key, "own": who == platform.actor.name}
    platform.ledger.append(platform.actor, "signer.grant", told)
    return _newest(platform, who)


def revoke_signer(platform: Platform, who: str) -> Signer:
    """Take a person's key back: it signs nothing more (21 CFR 11.300(c)). What it signed stays.

    Raises:
        NotFound: they have none.
        Refused: the actor is neither they nor an administrator (code `not_allowed`).
    """
    if who != platform.actor.name:
        enter(platform, Act.MANAGE_ACCESS, Resource(name=who))
    told = {"who": who, "key": _newest(platform, who).key}
    platform.ledger.append(platform.actor, "signer.revoke", told)
    return _newest(platform, who)


def signers_of(platform: Platform) -> list[Signer]:
    """Every key that was enrolled, by person, oldest first."""
    found = book_of(platform).signers
    return [one for who in sorted(found) for one in found[who]]


def _newest(platform: Platform, who: str) -> Signer:
    found = book_of(platform).signers.get(who)
    if not found:
        raise NotFound(
            "This person has enrolled no key.", fix="they run: bedside sign enrol --name NAME."
        )
    return found[-1]


def _other_administrators(platform: Platform, who: str) -> bool:
    now = platform.clock.now()
    return any(
        one.role is Role.ADMINISTRATOR and one.person != who and one.counts(now)
        for one in platform.people.grants()
    )
