"""Alarms to a webhook, signed; and to Alertmanager, which is a webhook of its own form.

Nothing is followed: not a redirect, not a name that leads elsewhere later. Nothing of an answer is
read but its status.

Source: Standard Webhooks 1.0.0, "Signature scheme"; Prometheus Alertmanager API v2, `POST /alerts`.
"""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from bedside.core.clock import Clock, iso, parse_instant
from bedside.core.errors import BedsideError, Invalid, Refused, Unavailable
from bedside.core.ids import canonical_json
from bedside.core.records.watch import AlarmSeverity
from bedside.core.web_address import WebAddress

__all__ = ["AlertmanagerSink", "WebhookSink", "signature_of", "signing_key"]

_SECONDS = 10.0
_FIRES = timedelta(days=90)  # Alertmanager ends an alert that nobody ends after minutes
_SHORTEST_KEY = 24  # bytes


def signing_key(secret: str) -> bytes:
    """The key of a secret: `whsec_` and base64, or any text of 24 characters and more.

    Raises:
        Invalid: it is too short, or not base64 (code `setting`); it is not repeated.
    """
    try:
        plain = not secret.startswith("whsec_")
        key = secret.encode() if plain else base64.b64decode(secret[6:], validate=True)
    except ValueError:
        key = b""
    if len(key) < _SHORTEST_KEY:
        raise Invalid(
            "The secret of a webhook is too short, or not as it must be.",
            fix="make another: echo whsec_$(openssl rand -base64 32).",
            code="setting",
        )
    return key


def signature_of(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`.

    >>> signature_of(b"k" * 24, "msg_1", 1700000000, b"{}")[:6]
    'v1,E3s'
    """
    signed = hmac.digest(key, b"%b.%d.%b" % (message_id.encode(), timestamp, body), "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSink:
    """The AlarmSink port on an HTTP endpoint.

    Args:
        name, least, models: See the port.
        address: Where messages are posted; its host was found in the allow list.
        key: What signs them.
        clock: What time it is.
        connect: Gives a transport that connects to the checked address of the host alone.
        seconds: How long each step of a try may take.
    """

    name: str
    least: AlarmSeverity
    models: tuple[str, ...]
    address: WebAddress
    key: bytes = field(repr=False)
    clock: Clock
    connect: Callable[[WebAddress], httpx.BaseTransport]
    seconds: float = _SECONDS
    kind: str = "webhook"

    def send(self, body: bytes) -> None:
        """Post one message.

        Raises:
            Unavailable: no answer came, or one that does not take it (code `http_STATUS`).
            Refused: the server sends us elsewhere (`redirected`), is not trusted
                (`not_trusted`), or its name leads where it may not (`address_not_allowed`).
        """
        message_id = str(json.loads(body)["id"])
        now = int(self.clock.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message_id,
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature_of(self.key, message_id, now, body),
        }
        _post(self.connect(self.address), self.address, headers, body, self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerSink:
    """The AlarmSink port on Alertmanager's API; an alert of the same labels is the same alert.

    Args:
        name, least, models: See the port.
        address: Of the server; `/api/v2/alerts` is put behind it.
        token: A bearer token, where the server asks for one.
        clock: What time it is.
        connect: Gives a transport that connects to the checked address of the host alone.
        seconds: How long each step of a try may take.
    """

    name: str
    least: AlarmSeverity
    models: tuple[str, ...]
    address: WebAddress
    token: str = field(default="", repr=False)
    clock: Clock
    connect: Callable[[WebAddress], httpx.BaseTransport]
    seconds: float = _SECONDS
    kind: str = "alertmanager"

    def send(self, body: bytes) -> None:
        """Post the alert of one message, and end those of the severities it had before.

        Raises:
            Unavailable, Refused: as `WebhookSink.send`.
        """
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        text = f"{self.address.url.rstrip('/')}/api/v2/alerts"
        place = WebAddress.read(text, what="The address of Alertmanager")
        told = canonical_json(alerts_of(json.loads(body), now=iso(self.clock.now())))
        _post(self.connect(place), place, headers, told, self.seconds)


def alerts_of(message: Mapping[str, Any], *, now: str) -> list[dict[str, Any]]:
    """The alerts of a message: its own, firing or ended, and ended ones of what it may have been.

    Labels are what an alert is known by, and routed by: of an alarm they change with its severity
    alone, so that one that became graver reaches whom it should; what it was before is ended in
    the same breath. Its likely cause, and all else that more days may correct, are annotations.
    """
    alarm, kind = message["alarm"], message["type"]
    ends = iso(parse_instant(now) + _FIRES) if kind != "alarm.resolved" else message["at"]
    milder = message["less_severe"] if kind != "alarm.raised" else []
    return [
        _alert(alarm, alarm["severity"], ends),
        *(_alert(alarm, one, message["at"]) for one in milder),
    ]


def _alert(alarm: Mapping[str, Any], severity: str, ends: str) -> dict[str, Any]:
    told = {
        "summary": alarm["cause_text"],
        "description": alarm["text"],
        "cause": alarm["cause"],
        "kind": alarm["kind"],
        "signals": ", ".join(alarm["signals"]),
        "groups": ", ".join(alarm["groups"]),
        "onset": alarm["onset"],
        "owner": alarm["owner"],
        "standing": alarm["standing"],
    }
    return {
        "labels": {
            "alertname": "BedsideAlarm",
            "alarm": alarm["id"],
            "model": alarm["model"],
            "version": alarm["version"],
            "severity": severity,
        },
        "annotations": {name: text for name, text in told.items() if text},
        "startsAt": alarm["raised"],
        "endsAt": ends,
    }


def _post(
    transport: httpx.BaseTransport,
    address: WebAddress,
    headers: Mapping[str, str],
    body: bytes,
    seconds: float,
) -> None:
    try:
        with (
            httpx.Client(
                transport=transport,
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(seconds),
                headers={"User-Agent": "bedside", "Accept-Encoding": "identity"},
            ) as client,
            client.stream("POST", address.url, headers=dict(headers), content=body) as answer,
        ):
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise _unreached(error) from None
    if 300 <= status < 400:
        raise Refused(
            "A sink sends us to another address.",
            fix="if that is right, declare that address in alarms.toml.",
            code="redirected",
        )
    if not 200 <= status < 300:
        raise Unavailable(
            f"A sink did not take a message (HTTP {status}).",
            fix="look at the sink; the message waits, and is sent again.",
            code=f"http_{status}",
        )


def _unreached(error: Exception) -> BedsideError:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Refused(
            "A sink shows a certificate that is not trusted here.",
            fix="name your hospital's certificates in alarms.toml: certificates.",
            code="not_trusted",
        )
    slow = isinstance(error, httpx.TimeoutException)
    return Unavailable(
        "A sink did not answer in time." if slow else "A sink is out of reach.",
        fix="look at the sink; the message waits, and is sent again.",
        code="too_slow" if slow else "out_of_reach",
    )
