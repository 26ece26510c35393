"""What a route does, in the words of the policies, asked at the door for whoever calls."""

from bedside.core.errors import Refused
from bedside.core.records.caller import Action
from bedside.core.records.ledger import Actor
from bedside.core.records.policy import Act, Resource
from bedside.core.records.snapshot import Zone
from bedside.lifecycle.door import enter_as
from bedside.lifecycle.platform import Platform
from bedside.serve.policed import Policed

__all__ = ["ACTS", "policed_by"]

ACTS = {
    Action.DESCRIBE: Act.DESCRIBE,
    Action.INFER: Act.ANSWER,
    Action.FEEDBACK: Act.ANSWER,
    Action.OBSERVE: Act.MONITOR,
}
"""What each action of a route is; what lets people in, and says that the process runs, is none."""
_OF_PATIENTS = frozenset({Action.INFER, Action.FEEDBACK})


def policed_by(platform: Platform) -> Policed:
    """The policies of a workspace, for the callers of its server.

    A caller asks for the purpose for which the server runs. Who comes with the token of the first
    run is a service.
    """

    def decide(name: str, action: Action, model: str | None) -> bool:
        act = ACTS.get(action)
        if act is None:
            return False  # nothing says what it is
        who = name if ":" in name else f"service:{name}"
        zone = Zone.IDENTIFIED if action in _OF_PATIENTS else None
        resource = Resource(name=model or "workspace", zone=zone)
        try:
            enter_as(
                platform,
                Actor(name=who, purpose=platform.actor.purpose),
                act,
                resource,
            )
        except Refused:
            return False
        return True

    return Policed(decide)
