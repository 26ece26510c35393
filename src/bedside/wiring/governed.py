"""The policies of a workspace and its people, wired."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedside.core.ports.policy import People, Policies

if TYPE_CHECKING:
    from bedside.infra.database.opening import Database

__all__ = ["Governed", "governed_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Governed:
    """What the door asks."""

    policies: Policies
    people: People


def governed_of(engine: "Database") -> Governed:
    """The shipped policies, and the roles in this database; its tables are made."""
    from bedside.governance.adapters.cedar_policies import CedarPolicies  # noqa: PLC0415
    from bedside.governance.adapters.governed_tables import make_governed_tables  # noqa: PLC0415
    from bedside.governance.adapters.sql_people import SqlPeople  # noqa: PLC0415
    from bedside.governance.shipped_policies import shipped_policies  # noqa: PLC0415
    from bedside.infra.database.opening import writing  # noqa: PLC0415

    make_governed_tables(engine, writing=writing)
    return Governed(
        policies=CedarPolicies(shipped_policies()), people=SqlPeople(engine, writing=writing)
    )
