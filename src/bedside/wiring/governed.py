"""The policies of a workspace and its people, wired."""

from typing import TYPE_CHECKING, TypedDict

from bedside.core.ports.policy import Consents, People, Policies
from bedside.core.records.snapshot import Zone

if TYPE_CHECKING:
    from bedside.infra.database.opening import Database
    from bedside.infra.keys.secrets import Secrets

__all__ = ["Governed", "governed_of"]


class Governed(TypedDict):
    """What the door asks."""

    policies: Policies
    people: People
    consents: Consents


def governed_of(engine: "Database", secrets: "Secrets") -> Governed:
    """The shipped policies; the roles and consents in this database, whose tables are made."""
    from bedside.governance.adapters.cedar_policies import CedarPolicies  # noqa: PLC0415
    from bedside.governance.adapters.governed_tables import make_governed_tables  # noqa: PLC0415
    from bedside.governance.adapters.sql_consents import SqlConsents  # noqa: PLC0415
    from bedside.governance.adapters.sql_people import SqlPeople  # noqa: PLC0415
    from bedside.governance.shipped_policies import shipped_policies  # noqa: PLC0415
    from bedside.infra.database.opening import writing  # noqa: PLC0415

    make_governed_tables(engine, writing=writing)
    key = secrets.secret("consents", key=Zone.IDENTIFIED.value)
    return Governed(
        policies=CedarPolicies(shipped_policies()),
        people=SqlPeople(engine, writing=writing),
        consents=SqlConsents(engine, writing=writing, key=key),
    )
