"""The watch on a FHIR server, wired: the workspace's models, its outbox, the one server."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from bedside.core.clock import parse_duration, parse_instant
from bedside.core.errors import Invalid
from bedside.core.ports.fhir_out import Outbox
from bedside.core.records.fhir_letter import Delivery, Letter, LetterState
from bedside.data.adapters.fhir_server.conversation import FhirConversation
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.opening import open_database, writing
from bedside.infra.keys.secrets import Secrets
from bedside.lifecycle.fhir_watch import Round, Watch, Watched
from bedside.lifecycle.platform import Platform
from bedside.serve.adapters.sql_outbox import SqlOutbox
from bedside.serve.write_back import WriteBack
from bedside.wiring.fhir_settings import FhirSettings, fhir_settings
from bedside.wiring.key_service import keys_of
from bedside.wiring.server import serving_of
from bedside.wiring.settings import settings_of

__all__ = ["Looking", "letters", "outbox_of", "resend", "watch"]

_MOST = 1000  # letters that are listed
_SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """How a server is watched.

    `since` is where the very first look begins, ISO 8601; None: now. `every` is the wait between
    two looks; `once` ends after the first.
    """

    server: str | None = None
    since: str | None = None
    every: str = "30 s"
    once: bool = False

    def __post_init__(self) -> None:
        if parse_duration(self.every) < _SHORTEST:
            raise Invalid("That is too often.", fix="wait 1 s at least between two looks.")


def watch(platform: Platform, model: str, looking: Looking, tell: Callable[[Round], None]) -> Round:
    """Watch until told to stop, or look once; what the last look did.

    Raises:
        NotFound: the model is not served, or declares no FHIR channel.
        Refused: no version is released.
        Invalid: a setting is missing or wrong.
    """
    settings = fhir_settings(looking.server)
    with _conversation(platform, settings) as target:
        ledger = GroupCommit(platform.ledger)
        service, reloader = serving_of(platform, ledger)
        outbox = outbox_of(platform)
        watched = Watch(
            Watched(
                model=model,
                server=settings.server,
                service=service,
                target=target,
                outbox=outbox,
                write_back=_writing_back(platform, settings, outbox, target),
                clock=platform.clock,
                tag=platform.tag,
                erased=lambda: set(platform.store.catalogue.suppressed()),
                since=_since(platform, looking),
            )
        )
        told = {"model": model, "server": settings.server, "every": looking.every}
        platform.ledger.append(platform.actor, "fhir.watch.start", told)
        rounds: list[Round] = []

        def note(done: Round) -> None:
            rounds[:] = [done]
            tell(done)

        reloader.start()
        try:
            asyncio.run(_until_stopped(watched, looking, note))
        finally:
            reloader.close()
            service.close()
        platform.ledger.append(platform.actor, "fhir.watch.stop", told)
        return rounds[0] if rounds else Round()


def resend(platform: Platform, server: str | None) -> tuple[int, Delivery]:
    """Let the dead letters wait again, and send all that is due; how many were dead.

    Raises:
        Invalid: a setting is missing or wrong.
    """
    settings = fhir_settings(server)
    outbox = outbox_of(platform)
    revived = outbox.revive(settings.server, platform.clock.now())
    with _conversation(platform, settings) as target:
        return revived, _writing_back(platform, settings, outbox, target).deliver()


def letters(platform: Platform, *, every: bool) -> Sequence[Letter]:
    """What a person has to look at and what waits; or every letter, the newest first."""
    states = set(LetterState) - (set() if every else {LetterState.SENT, LetterState.NOTHING})
    return outbox_of(platform).listed(states, most=_MOST)


def outbox_of(platform: Platform) -> Outbox:
    """The outbox of a workspace, without the letters about whoever was erased."""
    settings = settings_of(platform.folder)
    secrets = Secrets(platform.folder / "keys", keys_of(settings, platform.clock))
    outbox = SqlOutbox(
        open_database(settings.metadata),
        writing=writing,
        secret=secrets.secret("fhir-outbox", key="ledger"),
    )
    outbox.forget(platform.store.catalogue.suppressed())
    return outbox


@contextmanager
def _conversation(platform: Platform, settings: FhirSettings) -> Iterator[FhirConversation]:
    with FhirConversation(
        settings.options, private_key=settings.private_key, clock=platform.clock
    ) as target:
        yield target


def _writing_back(
    platform: Platform, settings: FhirSettings, outbox: Outbox, target: FhirConversation
) -> WriteBack:
    return WriteBack(
        outbox,
        target,
        settings.server,
        clock=platform.clock,
        record=lambda action, details: platform.ledger.append(platform.actor, action, details),
    )


def _since(platform: Platform, looking: Looking) -> datetime:
    return platform.clock.now() if looking.since is None else parse_instant(looking.since)


async def _until_stopped(watched: Watch, looking: Looking, tell: Callable[[Round], None]) -> None:
    """Look until a signal comes; what is under way is finished first."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stopped.set)

    async def wait() -> None:
        if looking.once:
            stopped.set()
            return
        try:
            async with asyncio.timeout(parse_duration(looking.every).total_seconds()):
                await stopped.wait()
        except TimeoutError:
            pass

    await watched.until(stopped.is_set, wait=wait, tell=tell)
