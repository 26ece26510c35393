"""Result messages of HL7 v2, wired: the one receiver of the settings, and the outbox."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from bedside.core.errors import Invalid
from bedside.core.records.fhir_letter import Delivery, Letter, LetterState
from bedside.lifecycle.hl7_feed import feed_name
from bedside.lifecycle.platform import Platform
from bedside.serve.adapters.mllp_target import MllpTarget, Receiver
from bedside.serve.write_back import WriteBack
from bedside.wiring.fhir import outbox_of

__all__ = [
    "ACTION",
    "HL7_VARIABLES",
    "answered_up_to",
    "delivering",
    "letters",
    "receiver_of",
    "resend",
    "send",
]

HL7_VARIABLES = {
    "BEDSIDE_HL7_TARGET": "HOST:PORT of the one receiver of results",
    "BEDSIDE_HL7_AUTHORITIES": "a PEM file: who signs the receiver's certificate",
    "BEDSIDE_HL7_CERTIFICATE": "a PEM file: our own certificate",
    "BEDSIDE_HL7_KEY": "a PEM file: our private key",
}
ACTION = "hl7.result"
_TARGET = re.compile(r"([A-Za-z0-9.-]{1,253}):([0-9]{1,5})")
_MOST = 1000  # letters that are listed


def receiver_of(environment: Mapping[str, str] = os.environ) -> Receiver:
    """The receiver of the settings.

    Raises:
        Invalid: none is named, or it is not as it must be.
    """
    told = {name: environment.get(name) or None for name in HL7_VARIABLES}
    found = _TARGET.fullmatch(told["BEDSIDE_HL7_TARGET"] or "")
    if found is None:
        raise Invalid(
            "No receiver of results is named.",
            fix="set BEDSIDE_HL7_TARGET to HOST:PORT, such as 127.0.0.1:2576.",
            code="setting",
        )
    return Receiver(
        host=found[1],
        port=int(found[2]),
        authorities=told["BEDSIDE_HL7_AUTHORITIES"],
        certificate=told["BEDSIDE_HL7_CERTIFICATE"],
        key=told["BEDSIDE_HL7_KEY"],
    )


def answered_up_to(platform: Platform, source: str) -> int | None:
    """The number of the first message of a source that may wait for an answer; None: none ever."""
    reached = outbox_of(platform).reached(feed_name(source), "")
    return None if reached is None else int(reached)


@contextmanager
def delivering(platform: Platform, receiver: Receiver) -> Iterator[WriteBack]:
    """What sends the results that are due."""
    target = MllpTarget(receiver)
    try:
        yield WriteBack(
            outbox_of(platform),
            target,
            receiver.name,
            clock=platform.clock,
            record=lambda action, details: platform.ledger.append(platform.actor, action, details),
            action=ACTION,
        )
    finally:
        target.close()


def send(platform: Platform) -> Delivery:
    """Send all that is due.

    Raises:
        Invalid: a setting is missing or wrong.
    """
    with delivering(platform, receiver_of()) as write_back:
        return write_back.deliver()


def resend(platform: Platform) -> tuple[int, Delivery]:
    """Let the dead letters wait again, and send all that is due; how many were dead.

    Raises:
        Invalid: a setting is missing or wrong.
    """
    receiver = receiver_of()
    revived = outbox_of(platform).revive(receiver.name, platform.clock.now())
    with delivering(platform, receiver) as write_back:
        return revived, write_back.deliver()


def letters(platform: Platform, *, every: bool) -> Sequence[Letter]:
    """The results that wait or that a person has to look at; or every one, the newest first."""
    states = set(LetterState) - (set() if every else {LetterState.SENT, LetterState.NOTHING})
    found = outbox_of(platform).listed(states, most=_MOST)
    return [one for one in found if one.sent_to.startswith("mllp://")]
