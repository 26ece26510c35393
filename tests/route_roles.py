"""What each kind of caller is told on each route: asked of a real application, as a table."""

import tempfile
from datetime import timedelta
from pathlib import Path

from bedside.core.clock import FixedClock
from bedside.core.records.caller import EVERYTHING
from bedside.core.records.client import Client
from bedside.infra.database.opening import open_database, writing
from bedside.serve.adapters.sql_clients import SqlClients
from bedside.serve.app import create_app, routes_of
from bedside.serve.auth import KnownClients, token_digest
from bedside.serve.login import Login
from bedside.serve.rate_limits import Rate, RateLimits, Rates
from fhir_asking import a_call
from served import (
    NOW,
    VERSION,
    HttpClient,
    a_hook_call,
    a_served_model,
    an_inference,
    service_for,
)

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "security.md"
BEGIN, END = "<!-- routes: written by tests/route_roles.py -->\n", "<!-- end of routes -->\n"
SCOPES = {
    "expired": EVERYTHING,
    "describe": {"describe/sepsis"},
    "infer": {"infer/sepsis"},
    "infer, other model": {"infer/falls"},
    "feedback": {"feedback/sepsis"},
    "observe": {"observe/*"},
    "everything": EVERYTHING,
}
ROLES = ("nobody", "wrong token", *SCOPES)
BODIES = {
    "/fhir/Patient/{id}/$predict": a_call(),
    "/fhir/Encounter/{id}/$predict": a_call(),
    "/v2/models/{name}/infer": an_inference(),
    "/v2/models/{name}/versions/{version}/infer": an_inference(),
    "/cds-services/{service}": a_hook_call(),
    "/cds-services/{service}/feedback": {"feedback": []},
}


def a_login() -> Login:
    """Doors that are there; nobody goes through them here."""
    return object.__new__(Login)


def inventory() -> list[tuple[str, str]]:
    """Each method and path that is served."""
    routes = routes_of(service_for(a_served_model().answerer), None, a_login())
    return [(method, route.path) for route in routes for method in route.methods]


def decisions() -> dict[tuple[str, str], tuple[str, ...]]:
    """What each role is told: `yes`, or the status that refuses it; in the order of `ROLES`."""
    with tempfile.TemporaryDirectory() as folder:
        clients = SqlClients(open_database(Path(folder) / "bedside.sqlite"), writing=writing)
        for number, (role, scopes) in enumerate(SCOPES.items()):
            clients.add(
                Client(
                    name=f"c{number}",
                    scopes=frozenset(scopes),
                    token_sha256=token_digest(role),
                    added=NOW - timedelta(days=2),
                    expires=NOW if role == "expired" else None,
                )
            )
        known = KnownClients(clients, clock=FixedClock(NOW))
        known.look()
        answerer = a_served_model().answerer
        answerer.warm_up()
        many = RateLimits(Rates(failed=Rate(per_second=5.0, burst=1000)))
        app = create_app(service_for(answerer), authenticators=[known], limits=many)
        client = HttpClient(app, token=None)
        return {
            (method, path): tuple(_told(client, method, path, role) for role in ROLES)
            for method, path in inventory()
            if path not in Login.doors
        }


def _told(client: HttpClient, method: str, route: str, role: str) -> str:
    path = route.replace("{name}", "sepsis").replace("{service}", "sepsis-now")
    path = path.replace("{version}", VERSION)
    path = path.replace("{id}", "pat-1" if "/Patient/" in path else "enc-1")
    headers = {} if role == "nobody" else {"Authorization": f"Bearer {role}"}
    body = {"json": BODIES[route]} if route in BODIES else {}
    status = client.request(method, path, headers=headers, **body).status_code
    assert status != 429, "too many were refused for this to say who may"
    return str(status) if status in (401, 403) else "yes"


def table() -> str:
    """It, as Markdown."""
    head = f"| route | {' | '.join(ROLES)} |\n|---|{'---|' * len(ROLES)}\n"
    rows = [
        f"| {method} `{path}` | {' | '.join(told)} |\n"
        for (method, path), told in decisions().items()
    ]
    return head + "".join(rows)


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + table() + "\n" + END + rest.partition(END)[2])
