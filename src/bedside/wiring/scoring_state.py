"""What a server that only scores keeps: its keys, its ledger, and who may ask it."""

import argparse
import hmac

from bedside.core.clock import Clock, SystemClock
from bedside.core.records.ledger import Actor
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.infra.keys.secrets import Secrets
from bedside.wiring.callers import Asked, CallerParts, ClientDesk, clients_in, lasts_of
from bedside.wiring.key_service import keys_of
from bedside.wiring.scoring_settings import ScoringSettings

__all__ = ["ScoringState", "client_command"]

_NAME = "service:scoring"


class ScoringState:
    """The ledger, the keys and the clients of one server, in its folder or its database.

    Args:
        settings: As the environment says.

    Raises:
        Refused: the keys or the ledger are not as they must be.
    """

    def __init__(self, settings: ScoringSettings) -> None:
        self.clock: Clock = SystemClock()
        self._settings = settings
        self._secrets = Secrets(settings.state / "keys", keys_of(settings.workspace, self.clock))
        engine = open_database(settings.workspace.metadata)
        self.books = SqlLedger(
            engine,
            writing=writing,
            clear=clear_traces,
            clock=self.clock,
            sealing_key=self._secrets.secret("ledger-sealing", key="ledger"),
            signing_key=Ed25519Signer(self._secrets.secret("ledger-head")).private_key,
        )
        self.predictions = SqlPredictions(engine)

    def tag(self, text: str) -> str:
        """A keyed digest of this server's, in hexadecimal digits."""
        return hmac.digest(self._secrets.secret("erased"), text.encode(), "sha256").hex()

    def caller_parts(self) -> CallerParts:
        """What knowing its callers asks for."""
        settings = self._settings
        return CallerParts(
            folder=settings.access or settings.state,
            clients=clients_in(settings.workspace.metadata),
            sessions=settings.workspace.database or settings.state / "sessions.sqlite",
            clock=self.clock,
            tag=self.tag,
            record=self._record,
        )

    def desk(self) -> ClientDesk:
        """Where clients are let in and out."""
        return ClientDesk(
            clients_in(self._settings.workspace.metadata), clock=self.clock, record=self._record
        )

    def _record(self, action: str, told: dict[str, object]) -> object:
        return self.books.append(Actor(name=_NAME, purpose="access"), action, told)


def client_command(desk: ClientDesk, arguments: list[str]) -> dict[str, object]:
    """What `bedside access` does with clients of a workspace, done; what is to be shown of it.

    Args:
        desk: Of this server.
        arguments: `list`, `add NAME --scope ACTION/MODEL [--expires 90d]`, `rotate NAME`
            or `revoke NAME`.

    Raises:
        Invalid: the name, a scope or the time is none.
        NotFound: there is no such client.
        Refused: it is there already.
        SystemExit: it is none of these; the help says so.
    """
    told = _parser().parse_args(arguments)
    if told.done == "list":
        return {"clients": [one.told() for one in desk.all()]}
    if told.done == "revoke":
        return desk.revoke(told.name).told()
    if told.done == "rotate":
        client, token = desk.rotate(told.name)
        return client.told() | {"token": token}
    asked = Asked(
        name=told.name,
        scopes=frozenset(told.scope),
        lasts=None if told.expires is None else lasts_of(told.expires),
    )
    added, first = desk.add(asked)
    return added.told() | {"token": first}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bedside.wiring.scoring --clients")
    verbs = parser.add_subparsers(dest="done", required=True)
    verbs.add_parser("list")
    add = verbs.add_parser("add")
    for one in (add, verbs.add_parser("rotate"), verbs.add_parser("revoke")):
        one.add_argument("name")
    add.add_argument("--scope", action="append", required=True, help="such as infer/sepsis")
    add.add_argument("--expires", help="after this: 12h, 90d")
    return parser
