"""The sinks of a workspace's alarms, wired: each from `alarms.toml` and the environment."""

import ipaddress
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from bedside.core.errors import BedsideError, Invalid, Refused
from bedside.core.ports.alarm_sinks import AlarmSink
from bedside.core.records.watch import AlarmSeverity
from bedside.core.web_address import WebAddress
from bedside.lifecycle.alarm_delivery import Delivered, Patience, deliver_alarms
from bedside.lifecycle.platform import Platform
from bedside.wiring.alarm_settings import AlarmSettings, SinkSettings, read_alarm_settings

if TYPE_CHECKING:
    from bedside.data.adapters.fhir_server.pinned import PinnedTransport
    from bedside.monitor.adapters.mail_sink import Transport

__all__ = ["deliver_all", "opened_sinks"]

_PORTS = {"starttls": 587, "implicit": 465, "plain": 25}
_SCOPE = "system/Communication.crs"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unfit:
    """A sink that cannot be told as it is declared; the others are not kept from being told."""

    name: str
    kind: str
    least: AlarmSeverity
    models: tuple[str, ...]
    error: BedsideError

    def send(self, body: bytes) -> None:
        """Say why."""
        raise self.error


def deliver_all(platform: Platform) -> Delivered:
    """Tell every sink of the workspace whatever is due.

    Raises:
        Invalid: `alarms.toml` is not as it must be.
        Refused: the actor may not monitor.
    """
    settings = read_alarm_settings(platform.folder)
    with opened_sinks(platform, settings) as sinks:
        return deliver_alarms(platform, sinks, patience=Patience(give_up=settings.give_up_after))


@contextmanager
def opened_sinks(
    platform: Platform,
    settings: AlarmSettings | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Iterator[list[AlarmSink]]:
    """Every sink that is declared. Nothing is called yet.

    Raises:
        Invalid: `alarms.toml` is not as it must be.
    """
    told = settings or read_alarm_settings(platform.folder)
    with ExitStack() as stack:
        made = _Making(platform, told, environment, stack)
        yield [made.sink(name, one) for name, one in told.sinks.items()]


class _Making:
    """Makes sinks; what they hold open is closed by the stack."""

    def __init__(
        self,
        platform: Platform,
        settings: AlarmSettings,
        environment: Mapping[str, str],
        stack: ExitStack,
    ) -> None:
        self._platform, self._settings = platform, settings
        self._environment, self._stack = environment, stack

    def sink(self, name: str, told: SinkSettings) -> AlarmSink:
        """The sink, or one that says why it cannot be told."""
        common: dict[str, Any] = {
            "name": name,
            "least": cast(AlarmSeverity, told.least),
            "models": told.models,
        }
        makers = {
            "webhook": self._webhook,
            "alertmanager": self._alertmanager,
            "mail": self._mail,
            "fhir": self._fhir,
        }
        try:
            return makers[told.kind](common, told)
        except BedsideError as error:
            return _Unfit(**common, kind=told.kind, error=error)

    def _webhook(self, common: dict[str, Any], told: SinkSettings) -> AlarmSink:
        from bedside.monitor.adapters.webhook_sink import (  # noqa: PLC0415
            WebhookSink,
            signing_key,
        )

        return WebhookSink(
            **common,
            address=self._address(told),
            key=signing_key(self._secret(told.secret_variable)),
            clock=self._platform.clock,
            connect=partial(_connect, self._settings, self._trusted()),
        )

    def _alertmanager(self, common: dict[str, Any], told: SinkSettings) -> AlarmSink:
        from bedside.monitor.adapters.webhook_sink import AlertmanagerSink  # noqa: PLC0415

        return AlertmanagerSink(
            **common,
            address=self._address(told),
            token=self._secret(told.token_variable) if told.token_variable else "",
            clock=self._platform.clock,
            connect=partial(_connect, self._settings, self._trusted()),
        )

    def _mail(self, common: dict[str, Any], told: SinkSettings) -> AlarmSink:
        from bedside.monitor.adapters.mail_sink import MailSink  # noqa: PLC0415

        tls: Transport = cast("Transport", told.tls)
        host = self._allowed(str(told.host))
        return MailSink(
            **common,
            host=host,
            port=told.port or _PORTS[told.tls],
            tls=tls,
            sender=str(told.sender),
            to=told.to,
            user=told.user,
            password=self._secret(told.password_variable) if told.password_variable else "",
            context=self._trusted(),
            clock=self._platform.clock,
        )

    def _fhir(self, common: dict[str, Any], told: SinkSettings) -> AlarmSink:
        from bedside.data.adapters.fhir_server.conversation import (  # noqa: PLC0415
            FhirConversation,
        )
        from bedside.monitor.adapters.fhir_sink import FhirSink  # noqa: PLC0415
        from bedside.wiring.fhir_settings import fhir_settings  # noqa: PLC0415

        given = told.url if told.url_variable is None else self._secret(told.url_variable)
        server = fhir_settings(given, self._environment)
        address = WebAddress.read(server.options.base_url, what="The address of a sink")
        self._allowed(address.host)
        place = _connect(self._settings, self._trusted(), address)
        place.close()
        options = server.options
        if not self._environment.get("BEDSIDE_FHIR_SCOPE"):
            options = replace(options, scope=_SCOPE)
        talk = FhirConversation(options, private_key=server.private_key, clock=self._platform.clock)
        return FhirSink(**common, target=self._stack.enter_context(talk))

    def _address(self, told: SinkSettings) -> WebAddress:
        given = told.url if told.url_variable is None else self._secret(told.url_variable)
        address = WebAddress.read(given or "", what="The address of a sink")
        self._allowed(address.host)
        return address

    def _allowed(self, host: str) -> str:
        if host not in self._settings.allow:
            raise Refused(
                "A sink's host is not in the allow list.",
                fix="name it in alarms.toml: allow = ['HOST'].",
                code="host_not_allowed",
            )
        return host

    def _secret(self, variable: str | None) -> str:
        value = self._environment.get(variable or "")
        if not value:
            raise Invalid(
                f"The environment variable {variable} is not set.",
                fix="set it where bedside runs; alarms.toml names it.",
                code="setting",
            )
        return value

    def _trusted(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._settings.certificates)
        except (OSError, ssl.SSLError, ValueError):
            raise Invalid(
                "The file of certificates that alarms.toml names cannot be read.",
                fix="give a file in PEM.",
                code="setting",
            ) from None


def _connect(
    settings: AlarmSettings, trusted: ssl.SSLContext, address: WebAddress
) -> "PinnedTransport":
    """A transport to the one address that the host has now, if that may be called."""
    from bedside.data.adapters.fhir_server.pinned import PinnedTransport  # noqa: PLC0415

    made = PinnedTransport(address, trusted)
    place = ipaddress.ip_address(made.place.partition("%")[0])
    inner = getattr(place, "ipv4_mapped", None) or place
    if not (inner.is_global or address.is_loopback or address.host in settings.private):
        made.close()
        raise Refused(
            "The name of a sink leads into a private network.",
            fix="if that is right, name the host in alarms.toml: private = ['HOST'].",
            code="address_not_allowed",
        )
    return made
