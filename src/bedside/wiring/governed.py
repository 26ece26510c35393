"""The policies of a workspace and its people, wired."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from bedside.core.ports.incidents import Incidents
from bedside.core.ports.policy import Consents, People, Policies, PolicyVersions
from bedside.core.records.snapshot import Zone
from bedside.governance.shipped_policies import PolicySource

if TYPE_CHECKING:
    from bedside.infra.database.opening import Database
    from bedside.infra.keys.secrets import Secrets

__all__ = ["Governed", "governed_of", "parse_policies"]


class Governed(TypedDict):
    """What the door asks."""

    policies: Policies
    people: People
    consents: Consents
    own_policies: PolicyVersions
    incidents: Incidents


def governed_of(engine: "Database", secrets: "Secrets") -> Governed:
    """Policies, roles, consents and incidents in this database, whose tables are made."""
    from bedside.governance.adapters.governed_tables import make_governed_tables  # noqa: PLC0415
    from bedside.governance.adapters.sql_consents import SqlConsents  # noqa: PLC0415
    from bedside.governance.adapters.sql_incidents import SqlIncidents  # noqa: PLC0415
    from bedside.governance.adapters.sql_people import SqlPeople  # noqa: PLC0415
    from bedside.governance.adapters.sql_policy_versions import SqlPolicyVersions  # noqa: PLC0415
    from bedside.governance.adapters.workspace_policies import WorkspacePolicies  # noqa: PLC0415
    from bedside.infra.database.opening import writing  # noqa: PLC0415
    from bedside.infra.keys.ed25519 import Ed25519Signer  # noqa: PLC0415

    make_governed_tables(engine, writing=writing)
    signer = Ed25519Signer(secrets.secret("policies"))
    own = SqlPolicyVersions(engine, writing=writing, signer=signer)
    return Governed(
        policies=WorkspacePolicies(own),
        people=SqlPeople(engine, writing=writing),
        consents=SqlConsents(
            engine,
            writing=writing,
            key=lambda: secrets.secret("consents", key=Zone.IDENTIFIED.value),
        ),
        own_policies=own,
        incidents=SqlIncidents(engine, writing=writing),
    )


def parse_policies(sources: Sequence[PolicySource]) -> Policies:
    """Policies of these texts.

    Raises:
        Invalid: a text is none (code `policy`).
    """
    from bedside.governance.adapters.cedar_policies import CedarPolicies  # noqa: PLC0415

    return CedarPolicies(sources)
