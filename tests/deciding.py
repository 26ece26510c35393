"""People who sign, for the tests of decisions: a workspace with roles, and each one's own key."""

import os
from dataclasses import replace
from pathlib import Path

from bedside.core.records.ledger import Actor
from bedside.core.records.policy import Role
from bedside.core.records.signature import Signing
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.lifecycle.deciding import Hand
from bedside.lifecycle.people import grant_role
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.signers import enrol, grant_signer
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

__all__ = ["a_hand", "a_hospital", "acting"]

STAFF = {
    "user:ben": Role.CLINICAL_REVIEWER,
    "user:eve": Role.CLINICAL_REVIEWER,
    "user:dpo": Role.PRIVACY_OFFICER,
    "user:deputy": Role.PRIVACY_OFFICER,
    "user:sam": Role.DATA_SCIENTIST,
}


def a_hospital(folder: Path) -> tuple[Platform, dict[str, Hand]]:
    """A workspace whose founder is Ada, with staff, each of whom has a granted key."""
    founder = open_workspace(
        folder, actor=actor_of("user:ada", "approval"), progress=LineProgress()
    )
    hands = {}
    for who, role in STAFF.items():
        grant_role(founder, who, role)
    for who in ("user:ada", *STAFF):
        hands[who] = a_hand()
        enrol(acting(founder, who), f"Dr {who[5:].title()}", hands[who].signer)
        grant_signer(founder, who)
    return founder, hands


def a_hand() -> Hand:
    """A key of a person, unlocked."""
    return Hand(
        signer=Ed25519Signer(os.urandom(32)),
        method=Signing.PASSPHRASE,
        session="a test",
        zone="CET +0100",
    )


def acting(platform: Platform, who: str, purpose: str = "approval") -> Platform:
    """The same workspace in the hands of somebody else."""
    return replace(platform, actor=Actor(name=who, purpose=purpose))
