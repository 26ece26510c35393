"""`alarms.toml` of a workspace: who is told of alarms. It names variables, and holds no secret."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import get_args

import msgspec

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.core.records.watch import SEVERITIES
from bedside.interop.strict_json import decode
from bedside.monitor.adapters.mail_sink import Transport

__all__ = ["FILE", "AlarmSettings", "SinkSettings", "read_alarm_settings"]

FILE = "alarms.toml"
KINDS = ("webhook", "alertmanager", "mail", "fhir")
_LARGEST = 1 << 20  # bytes
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_ADDRESS = re.compile(r"[^@\s<>,;\"]{1,64}@[A-Za-z0-9.-]{1,253}")


class SinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One sink, as it is declared; what ends in `_variable` names an environment variable.

    Args:
        kind: `webhook`, `alertmanager`, `mail` or `fhir`.
        least: It is told of alarms that are at least so severe.
        models: It is told of these models' alarms; none: of every model's.
        url: Of a webhook, an Alertmanager or a FHIR server.
        url_variable: Holds the URL, where it is itself a secret.
        secret_variable: Holds the secret that signs the messages of a webhook.
        token_variable: Holds the bearer token of an Alertmanager.
        host, port, tls, sender, to, user, password_variable: Of e-mail.
    """

    kind: str
    least: str = "low"
    models: tuple[str, ...] = ()
    url: str | None = None
    url_variable: str | None = None
    secret_variable: str | None = None
    token_variable: str | None = None
    host: str | None = None
    port: int | None = None
    tls: str = "starttls"
    sender: str | None = None
    to: tuple[str, ...] = ()
    user: str = ""
    password_variable: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    allow: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    give_up_after: str = "7 d"
    certificates: str | None = None
    sinks: dict[str, SinkSettings] = {}


_DECODER = msgspec.json.Decoder(_File)
_NEEDED = {
    "webhook": ("secret_variable",),
    "alertmanager": (),
    "mail": ("host", "sender", "to"),
    "fhir": (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSettings:
    """What it says.

    Args:
        allow: Hosts that may be called, by their names.
        private: Those of them whose name may lead into the hospital's own network.
        give_up_after: A message that no try brought is given up so long after it was put.
        certificates: A file of certificates to trust instead of the usual ones.
        sinks: By name.
    """

    allow: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()
    give_up_after: timedelta = timedelta(days=7)
    certificates: str | None = None
    sinks: dict[str, SinkSettings] = field(default_factory=dict)


def read_alarm_settings(folder: Path) -> AlarmSettings:
    """Read it; without it, nobody is told but who asks `bedside alarms`.

    Raises:
        Invalid: it is not as it must be (code `alarms_file`); what stands in it is not repeated.
    """
    path = folder / FILE
    if not path.is_file():
        return AlarmSettings()
    content = path.read_bytes() if path.stat().st_size <= _LARGEST else b"\xff"
    try:
        plain = json.dumps(tomllib.loads(content.decode())).encode()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, RecursionError):
        raise _wrong("is no TOML, or holds a date", "see docs/howto/alarms.md.") from None
    told = decode(_DECODER, plain, FILE)
    for problem, fix in _faults(told):
        raise _wrong(problem, fix)
    return AlarmSettings(
        allow=frozenset(told.allow),
        private=frozenset(told.private),
        give_up_after=parse_duration(told.give_up_after),
        certificates=told.certificates,
        sinks=told.sinks,
    )


def _faults(told: _File) -> Iterator[tuple[str, str]]:
    if set(told.private) - set(told.allow):
        yield "names a private host that it does not allow", "name it in allow too."
    if parse_duration(told.give_up_after) <= timedelta(0):
        yield "gives up at once", "write give_up_after = '7 d'."
    for name, sink in told.sinks.items():
        if not _NAME.fullmatch(name):
            yield "names a sink otherwise than it may", "write a-z, 0-9, - and _, such as duty."
            return
        for problem, fix in _sink_faults(sink):
            yield f"declares the sink '{name}' wrongly: {problem}", fix


def _sink_faults(sink: SinkSettings) -> Iterator[tuple[str, str]]:
    if sink.kind not in KINDS:
        yield "there is no such kind", f"write one of: {', '.join(KINDS)}."
        return
    if sink.least not in SEVERITIES:
        yield "least is no severity", f"write one of: {', '.join(SEVERITIES)}."
    if sink.kind in ("webhook", "alertmanager") and (sink.url is None) == (
        sink.url_variable is None
    ):
        yield "it needs an address", "give url, or url_variable, and not both."
    for needed in _NEEDED[sink.kind]:
        if not getattr(sink, needed):
            yield f"{needed} is missing", "see docs/howto/alarms.md."
    for variable in (
        sink.url_variable, sink.secret_variable, sink.token_variable, sink.password_variable
    ):  # fmt: skip
        if variable is not None and not _VARIABLE.fullmatch(variable):
            yield (
                "what ends in _variable is no name of an environment variable",
                "keep the secret itself out of this file; write BEDSIDE_…, and set that.",
            )
    if sink.tls not in get_args(Transport):
        yield "tls is not as it must be", "write starttls, implicit or plain."
    if sink.port is not None and not 0 < sink.port < 1 << 16:
        yield "port is none", "write a number from 1 to 65535."
    if not all(_ADDRESS.fullmatch(one) for one in (*sink.to, *filter(None, [sink.sender]))):
        yield "an e-mail address is none", "write name@host."


def _wrong(problem: str, fix: str) -> Invalid:
    return Invalid(f"{FILE} {problem}.", fix=fix, code="alarms_file")
