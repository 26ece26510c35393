"""What every command does, in the words of the policies. One that is not named here is refused.

A group's row counts for each of its commands that has no row of its own.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any

from bedside.core.errors import Refused
from bedside.core.records.policy import Act

if TYPE_CHECKING:
    import typer

__all__ = ["ACTS", "act_of", "act_of_this", "guard_commands"]

ACTS = {
    "access": Act.MANAGE_ACCESS,
    "access list": Act.DESCRIBE,
    "access roles": Act.DESCRIBE,
    "alarm": Act.MONITOR,
    "alarms": Act.MONITOR,
    "alerts": Act.MONITOR,
    "approve": Act.APPROVE,
    "backup": Act.OPERATE,
    "build": Act.DEVELOP,
    "change": Act.DESCRIBE,
    "compare": Act.DEVELOP,
    "consent": Act.MANAGE_CONSENTS,
    "console": Act.MONITOR,
    "data check": Act.INSPECT,
    "data collect": Act.COLLECT,
    "data diff": Act.INSPECT,
    "data erase": Act.ERASE,
    "data export": Act.EXPORT,
    "data lineage": Act.AUDIT,
    "data list": Act.DESCRIBE,
    "data listen": Act.COLLECT,
    "data quality": Act.INSPECT,
    "data quarantine": Act.INSPECT,
    "data show": Act.INSPECT,
    "demo": Act.DESCRIBE,  # opens a workspace of its own, whose verbs go through the door
    "decision": Act.DESCRIBE,  # who may sign what, its verbs ask
    "deid": Act.DEIDENTIFY,
    "deid certificates": Act.DESCRIBE,
    "deid label": Act.READ_RECORD,
    "deid labels": Act.EXPORT,
    "deid sample": Act.READ_RECORD,
    "deid train": Act.DEVELOP,
    "deploy": Act.EGRESS,
    "documents": Act.EGRESS,
    "documents fill": Act.STATE,
    "evaluate": Act.DEVELOP,
    "export": Act.EGRESS,
    "features explain": Act.READ_RECORD,
    "features list": Act.DESCRIBE,
    "fhir": Act.OPERATE,
    "hazards": Act.DESCRIBE,
    "history": Act.DESCRIBE,
    "hl7": Act.OPERATE,
    "hold": Act.WITHDRAW,
    "import": Act.DEVELOP,
    "incident close": Act.APPROVE,
    "incident list": Act.DESCRIBE,
    "incident note": Act.MONITOR,
    "incident open": Act.MONITOR,
    "incident show": Act.MONITOR,
    "keys": Act.MANAGE_KEYS,
    "keys list": Act.DESCRIBE,
    "leakage": Act.DEVELOP,
    "ledger": Act.AUDIT,
    "ledger rotate-key": Act.MANAGE_KEYS,
    "monitor": Act.MONITOR,
    "plan": Act.OPERATE,
    "policy": Act.DESCRIBE,
    "policy add": Act.MANAGE_POLICIES,
    "policy remove": Act.MANAGE_POLICIES,
    "prediction export": Act.EXPORT,
    "prediction interventions": Act.MONITOR,
    "prediction list": Act.MONITOR,
    "prediction outcomes": Act.MONITOR,
    "prediction show": Act.READ_RECORD,
    "promote": Act.RELEASE,
    "question check": Act.DEVELOP,
    "question flow": Act.DEVELOP,
    "question show": Act.DESCRIBE,
    "recalibrate": Act.DEVELOP,
    "rehearse": Act.DESCRIBE,  # makes a workspace of its own, whose verbs go through the door
    "release": Act.RELEASE,
    "replay": Act.MONITOR,
    "reproduce": Act.AUDIT,
    "resume": Act.RELEASE,
    "retrain": Act.DEVELOP,
    "restore": Act.OPERATE,  # before it there is no workspace, so nobody who could be asked
    "reveal": Act.REIDENTIFY,
    "rollback": Act.WITHDRAW,
    "rollout": Act.DESCRIBE,
    "score": Act.SCORE,
    "serve": Act.OPERATE,
    "shiftlab": Act.DEVELOP,
    "sign": Act.DESCRIBE,  # one's own key; granting asks its verb
    "sign grant": Act.MANAGE_ACCESS,
    "site": Act.OPERATE,
    "site key": Act.DESCRIBE,
    "site onboard": Act.DEVELOP,
    "site publish": Act.RELEASE,
    "site pull": Act.RELEASE,
    "site report": Act.EGRESS,
    "site trust": Act.MANAGE_ACCESS,
    "site validate": Act.DEVELOP,
    "suspend": Act.WITHDRAW,
    "up": Act.OPERATE,
    "versions": Act.DESCRIBE,
}
_RUNNING: ContextVar[str] = ContextVar("command", default="")


def act_of(command: str) -> Act:
    """What a command does, by its words without `bedside`.

    Raises:
        Refused: nothing says so, so nobody may run it (code `no_act`).

    >>> act_of("data erase").value, act_of("keys rotate").value
    ('erase', 'manage_keys')
    """
    found = ACTS.get(command) or ACTS.get(command.partition(" ")[0])
    if found is None:
        raise Refused(
            f"Nothing says what 'bedside {command}' does, so nobody may run it.",
            fix="add it to the table of cli/doors.py.",
            code="no_act",
        )
    return found


def act_of_this() -> Act:
    """What the command that runs now does.

    Raises:
        Refused: as `act_of`.
    """
    return act_of(_RUNNING.get())


def guard_commands(app: "typer.Typer", path: str = "") -> None:
    """Let every command know its own name, so that the door can be asked about it."""
    for command in app.registered_commands:
        if command.callback is not None:
            name = command.name or command.callback.__name__.replace("_", "-")
            command.callback = _named(command.callback, f"{path} {name}".strip())
    for group in app.registered_groups:
        if group.typer_instance is not None and group.name is not None:
            guard_commands(group.typer_instance, f"{path} {group.name}".strip())


def _named(callback: Callable[..., Any], name: str) -> Callable[..., Any]:
    @wraps(callback)
    def named(*arguments: Any, **options: Any) -> Any:
        token = _RUNNING.set(name)
        try:
            return callback(*arguments, **options)
        finally:
            _RUNNING.reset(token)

    return named
