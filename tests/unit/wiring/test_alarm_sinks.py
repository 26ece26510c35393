"""Each sink as it is declared: only where it may go, and real servers that take what it sends."""

import json
import ssl
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from hypothesis import given
from hypothesis import strategies as st

from alarm_receiver import a_receiver
from alarming import TOLD, VERSION, a_draft, an_alarming_platform
from alertmanager_server import an_alertmanager
from bedside.core.clock import FixedClock
from bedside.core.errors import BedsideError, Invalid
from bedside.core.web_address import WebAddress
from bedside.interop.alarm_json import alarm_message
from bedside.interop.fhir_out.checking import faults
from bedside.interop.fhir_out.communication import alarm_transaction
from bedside.lifecycle.alarm_delivery import deliver_alarms
from bedside.lifecycle.alarms import note, raise_alarms, resolve
from bedside.monitor.adapters.webhook_sink import alerts_of, signing_key
from bedside.wiring import alarm_sinks
from bedside.wiring.alarm_settings import AlarmSettings, SinkSettings, read_alarm_settings
from bedside.wiring.alarm_sinks import opened_sinks
from certificates import Authority
from fhir_asking import validated
from fhir_server import a_fhir_server
from loopback import free_port

SECRET = "a secret of more than two dozen signs"  # noqa: S105 - of this test
ENVIRONMENT = {"HOOK": SECRET, "MAIL": "hunter2hunter2"}
HERE = frozenset({"127.0.0.1", "localhost"})
NOW = "2026-03-01T12:00:00.000000Z"


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    return an_alarming_platform(tmp_path_factory.mktemp("alarming") / "w")


@pytest.fixture(scope="module")
def alarm(platform):
    (made,) = raise_alarms(platform, VERSION, [a_draft(severity="high")])
    note(platform, made.id, text=TOLD)
    return made


def a_message(alarm, kind="alarm.raised", message_id="msg_1"):
    return alarm_message(alarm, kind, message_id=message_id, at=NOW)


@contextmanager
def the_sink(platform, environment=ENVIRONMENT, *, settings=None, **told):
    settings = settings or AlarmSettings(allow=HERE)
    with opened_sinks(
        platform, replace(settings, sinks={"s": SinkSettings(**told)}), environment
    ) as (sink,):
        yield sink


def why(platform, environment=ENVIRONMENT, *, settings=None, **told):
    """The code with which a sink refuses to be told anything."""
    with the_sink(platform, environment, settings=settings, **told) as sink:
        with pytest.raises(BedsideError) as error:
            sink.send(b'{"id": "msg_1"}')
        assert SECRET not in str(error.value)
        return error.value.code


def a_webhook(url, **more):
    return {"kind": "webhook", "url": url, "secret_variable": "HOOK", **more}


def test_a_webhook_over_tls_is_believed_only_with_a_certificate_that_is_trusted(
    platform, alarm, tmp_path
):
    authority = Authority(tmp_path)
    trusting = AlarmSettings(allow=HERE, certificates=str(authority.path))
    with a_receiver(certificate=authority.issue("hooks")) as receiver:
        refused = why(platform, **a_webhook(receiver.url))
        with the_sink(platform, settings=trusting, **a_webhook(receiver.url)) as sink:
            sink.send(a_message(alarm))

    assert refused == "not_trusted"
    assert [one.body for one in receiver.got] == [a_message(alarm)]


def test_a_host_that_is_not_allowed_is_never_called(platform):
    with a_receiver() as receiver:
        nowhere = AlarmSettings(allow=frozenset({"hooks.example"}))

        assert why(platform, settings=nowhere, **a_webhook(receiver.url)) == "host_not_allowed"
        assert why(platform, **a_webhook("http://hooks.example/x")) == "address_unfit"
        assert why(platform, **a_webhook("https://user:pw@127.0.0.1/x")) == "address_unfit"
        assert receiver.got == []


@pytest.mark.parametrize(
    ("place", "allowed", "private"),
    [
        ("10.1.2.3", False, True),
        ("192.168.1.9", False, True),
        ("100.64.0.1", False, True),
        ("fd00::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("127.0.0.1", False, False),
        ("::1", False, False),
        ("169.254.169.254", False, False),
        ("0.0.0.0", False, False),  # noqa: S104 - what a name server may say
        ("93.184.216.34", True, True),
    ],
)
def test_a_name_that_leads_into_a_private_network_is_called_only_when_it_is_named_for_that(
    monkeypatch, place, allowed, private
):
    """What the name server says is put in its place: nobody is called here."""
    answer = [(2, 1, 6, "", (place, 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: answer)
    address = WebAddress.read("https://hooks.example/x", what="The address")

    def may(settings):
        try:
            alarm_sinks._connect(settings, ssl.create_default_context(), address).close()
        except BedsideError as error:
            return error.code
        return True

    named = frozenset({"hooks.example"})
    refused = "address_not_allowed"
    assert may(AlarmSettings(allow=named)) == (allowed or refused)
    assert may(AlarmSettings(allow=named, private=named)) == (private or refused)


def test_a_url_that_is_itself_a_secret_stands_in_the_environment(platform, alarm):
    with a_receiver() as receiver:
        environment = ENVIRONMENT | {"PLACE": receiver.url}
        told = {"kind": "webhook", "url_variable": "PLACE", "secret_variable": "HOOK"}
        with the_sink(platform, environment, **told) as sink:
            sink.send(a_message(alarm))

    assert len(receiver.got) == 1
    assert why(platform, ENVIRONMENT, **told) == "setting"


def test_alertmanager_is_told_of_an_alert_that_ends_when_the_alarm_does(platform, alarm):
    with a_receiver() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/am"
        told = {"kind": "alertmanager", "url": url, "token_variable": "HOOK"}
        with the_sink(platform, **told) as sink:
            sink.send(a_message(alarm))

    (request,) = receiver.got
    (alert,) = json.loads(request.body)
    assert request.path == "/am/api/v2/alerts"
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert alert["labels"]["alertname"] == "BedsideAlarm"
    assert (alert["labels"]["alarm"], alert["labels"]["severity"]) == (alarm.id, "high")
    assert {"cause", "kind"}.isdisjoint(alert["labels"])
    assert alert["annotations"]["cause"] == alarm.cause
    assert alert["startsAt"] == alarm.raised
    assert alert["endsAt"] > datetime.now(UTC).isoformat()
    grown = alerts_of(json.loads(a_message(alarm, "alarm.grew")), now=NOW)
    over = alerts_of(json.loads(a_message(alarm, "alarm.resolved")), now=NOW)
    assert [(one["labels"]["severity"], one["endsAt"] == NOW) for one in grown] == [
        ("high", False), ("low", True), ("medium", True),
    ]  # fmt: skip
    assert [one["endsAt"] for one in over] == [NOW] * 3


def test_an_alarm_is_one_alert_of_a_real_alertmanager_whatever_is_corrected(tmp_path):
    platform = an_alarming_platform(tmp_path / "w")
    draft = a_draft(severity="low")
    other = replace(draft, key="unit_change creatinine", cause="unit_change", text="It is a unit.")

    with an_alertmanager() as server:

        def firing():
            with the_sink(platform, kind="alertmanager", url=server.url) as sink:
                done = deliver_alarms(platform, [sink])
            assert (done.later, done.dead) == (0, 0)
            return {
                one["fingerprint"]: (one["labels"]["severity"], one["annotations"]["cause"])
                for one in server.firing()
            }

        (alarm,) = raise_alarms(platform, VERSION, [draft])
        first = firing()
        raise_alarms(platform, VERSION, [other])
        corrected = firing()
        raise_alarms(platform, VERSION, [replace(other, severity="high")])
        graver = firing()
        resolve(platform, alarm.id, action="mended")
        over = firing()

    assert list(first.values()) == [("low", "feed_lost")]
    assert corrected == dict.fromkeys(first, ("low", "unit_change"))
    assert list(graver.values()) == [("high", "unit_change")]
    assert over == {}


def test_what_rose_and_ended_while_a_server_was_down_has_ended_there(tmp_path):
    platform = an_alarming_platform(tmp_path / "w")

    with an_alertmanager() as server:
        told = {"kind": "alertmanager", "url": server.url}
        (alarm,) = raise_alarms(platform, VERSION, [a_draft(severity="low")])
        with the_sink(platform, **told) as sink:
            deliver_alarms(platform, [sink])
        before = len(server.firing())
        raise_alarms(platform, VERSION, [a_draft(severity="high")])
        resolve(platform, alarm.id, action="mended")
        with the_sink(platform, **told) as sink:
            deliver_alarms(platform, [sink])

        assert (before, server.firing()) == (1, [])


class Mailbox:
    """What a real SMTP server was given, and whether over TLS."""

    def __init__(self):
        self.got = []

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        encrypted = server.transport.get_extra_info("sslcontext") is not None
        self.got.append((encrypted, envelope.rcpt_tos, envelope.content))
        return "250 taken"


@contextmanager
def a_mail_server(**how):
    box = Mailbox()
    running = Controller(box, hostname="127.0.0.1", port=free_port(), **how)
    running.start()
    try:
        yield box, running.port
    finally:
        running.stop()


def a_mail(port, tls, **more):
    told = {"kind": "mail", "host": "127.0.0.1", "port": port, "tls": tls}
    return told | {"sender": "bedside@h.example", "to": ("duty@h.example",)} | more


def tls_of(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("mail"))
    return context


def ada_alone(_server, _session, _envelope, _mechanism, said):
    known = (said.login, said.password) == (b"ada", b"hunter2hunter2")
    return AuthResult(success=known, handled=False)


def test_mail_goes_over_starttls_signed_in_with_the_same_id_each_time(platform, alarm, tmp_path):
    authority = Authority(tmp_path)
    trusting = AlarmSettings(allow=HERE, certificates=str(authority.path))
    how = {"authenticator": ada_alone, "auth_required": True, "require_starttls": True}
    with a_mail_server(tls_context=tls_of(authority), **how) as (box, port):
        told = a_mail(port, "starttls", user="ada") | {"password_variable": "MAIL"}
        with the_sink(platform, settings=trusting, **told) as sink:
            sink.send(a_message(alarm))
            sink.send(a_message(alarm))
        wrong = {"MAIL": "another password"}
        assert why_mail(platform, alarm, wrong, settings=trusting, **told) == "not_let_in"
        assert why_mail(platform, alarm, **told) == "not_trusted"

    assert [(encrypted, to) for encrypted, to, _ in box.got] == [(True, ["duty@h.example"])] * 2
    letter = message_from_bytes(box.got[0][2], policy=default)
    assert letter["Subject"] == f"[high] m: a measurement does not come any more ({alarm.id})"
    assert letter["Message-ID"] == "<msg_1@h.example>"
    assert message_from_bytes(box.got[1][2], policy=default)["Message-ID"] == "<msg_1@h.example>"
    assert "Creatinine stopped coming" in letter.get_content()
    assert "Nobody" not in letter.get_content()


def why_mail(platform, alarm, environment=ENVIRONMENT, **told):
    with the_sink(platform, environment, **told) as sink, pytest.raises(BedsideError) as error:
        sink.send(a_message(alarm))
    assert "another password" not in str(error.value)
    return error.value.code


def test_mail_with_tls_from_the_first_byte(platform, alarm, tmp_path):
    authority = Authority(tmp_path)
    trusting = AlarmSettings(allow=HERE, certificates=str(authority.path))
    with (
        a_mail_server(ssl_context=tls_of(authority)) as (box, port),
        the_sink(platform, settings=trusting, **a_mail(port, "implicit")) as sink,
    ):
        sink.send(a_message(alarm))

    assert [encrypted for encrypted, *_ in box.got] == [True]


def test_mail_goes_in_clear_to_this_machine_alone_and_never_because_a_server_has_no_tls(
    platform, alarm
):
    with a_mail_server() as (box, port):
        assert why_mail(platform, alarm, **a_mail(port, "starttls")) == "not_taken"
        with the_sink(platform, **a_mail(port, "plain")) as sink:
            sink.send(a_message(alarm))
    elsewhere = AlarmSettings(allow=frozenset({"mail.example"}))
    told = a_mail(25, "plain", host="mail.example")

    assert [encrypted for encrypted, *_ in box.got] == [False]
    assert why(platform, settings=elsewhere, **told) == "setting"
    assert why_mail(platform, alarm, **a_mail(port, "plain")) == "not_taken", "it is down now"


def test_a_fhir_server_keeps_a_communication_once_though_its_answer_was_lost(platform, alarm):
    server = a_fhir_server()
    server.set(auth=False, lost=1)
    told = {"kind": "fhir", "url": server.base}
    with the_sink(platform, {}, **told) as sink:
        sink.send(a_message(alarm))
        sink.send(a_message(alarm))
        sink.send(a_message(alarm, "alarm.resolved", "msg_2"))

    first, second = server.held("Communication")
    assert (first["status"], first["priority"]) == ("completed", "stat")
    assert first["topic"]["text"].startswith("[high] m")
    assert second["topic"]["text"].startswith("[resolved] m")
    assert "subject" not in first
    assert first["payload"][0]["contentString"] == alarm.text


def test_another_reads_the_communication_and_no_patient_may_stand_in_it(alarm):
    entry = json.loads(alarm_transaction(json.loads(a_message(alarm))))["entry"][0]
    made = entry["resource"]

    validated(made)

    assert faults(made) == []
    assert faults(made | {"subject": {"reference": "Patient/1"}}) != []
    assert faults(made | {"status": "sent"}) != []
    assert faults({**made, "payload": []}) != []


def test_one_sink_that_is_declared_wrongly_keeps_none_of_the_others_from_being_told(platform):
    with a_receiver() as receiver:
        settings = AlarmSettings(
            allow=HERE,
            sinks={
                "broken": SinkSettings(**(a_webhook(receiver.url) | {"secret_variable": "UNSET"})),
                "duty": SinkSettings(**a_webhook(receiver.url)),
            },
        )
        platform = replace(platform, clock=FixedClock(datetime(2030, 1, 1, tzinfo=UTC)))
        (made,) = raise_alarms(platform, VERSION, [a_draft(key="another")])
        with opened_sinks(platform, settings, ENVIRONMENT) as sinks:
            deliver_alarms(platform, sinks)
        resolve(platform, made.id, action="done")

    told = {(one.sink, one.state, one.why) for one in platform.deliveries.all()}
    assert ("broken", "waiting", "setting") in told
    assert ("duty", "sent", "") in told


def test_the_file_is_read_and_what_is_not_said_is_as_it_is_safe(tmp_path):
    (tmp_path / "alarms.toml").write_text(
        'allow = ["hooks.example", "mail.example"]\nprivate = ["mail.example"]\n'
        "[sinks.duty]\n"
        'kind = "webhook"\nurl = "https://hooks.example/x"\nsecret_variable = "HOOK"\n'
        'least = "medium"\nmodels = ["sepsis"]\n'
        "[sinks.ward]\n"
        'kind = "mail"\nhost = "mail.example"\nsender = "b@h.example"\nto = ["d@h.example"]\n'
    )

    told = read_alarm_settings(tmp_path)

    assert list(told.sinks) == ["duty", "ward"]
    assert told.sinks["duty"].models == ("sepsis",)
    assert (told.sinks["ward"].tls, told.give_up_after.days) == ("starttls", 7)
    assert read_alarm_settings(tmp_path / "elsewhere") == AlarmSettings()


HOOK = '[sinks.duty]\nkind = "webhook"\nurl = "https://h.example"\nsecret_variable = "HOOK"\n'


@pytest.mark.parametrize(
    "wrong",
    [
        "sinks = hunter2hunter2",
        'allow = "hunter2hunter2"',
        'private = ["hunter2hunter2"]',
        'give_up_after = "0 d"',
        "give_up_after = 2026-01-01",
        HOOK.replace("secret_variable", "secret").replace("HOOK", "hunter2hunter2"),
        HOOK.replace('"HOOK"', '"hunter2hunter2"'),
        HOOK.replace('secret_variable = "HOOK"\n', ""),
        HOOK + 'url_variable = "PLACE"\n',
        HOOK.replace("webhook", "pager"),
        HOOK + 'least = "hunter2hunter2"\n',
        HOOK.replace("duty", '"../hunter2hunter2"'),
        '[sinks.m]\nkind = "mail"\nhost = "h"\nsender = "b@h"\nto = ["a@b\\nBcc: hunter2hunter2"]',
        '[sinks.m]\nkind = "mail"\nhost = "h"\nsender = "b@h"\nto = ["a@b"]\ntls = "none"',
        '[sinks.m]\nkind = "mail"\nhost = "h"\nsender = "b@h"\nto = ["a@b"]\nport = 70000',
    ],
)
def test_a_file_that_is_wrong_is_refused_and_no_secret_in_it_is_repeated(tmp_path, wrong):
    (tmp_path / "alarms.toml").write_text(wrong)

    with pytest.raises(Invalid) as error:
        read_alarm_settings(tmp_path)

    assert "hunter2hunter2" not in str(error.value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_the_file_holds_it_is_read_or_refused(content):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "alarms.toml").write_bytes(content)
        with suppress(Invalid):
            assert isinstance(read_alarm_settings(Path(folder)), AlarmSettings)


@pytest.mark.parametrize("short", ["", "x" * 23, "whsec_c2hvcnQ=", "whsec_!!!!"])
def test_a_secret_that_is_too_short_signs_nothing(short):
    with pytest.raises(Invalid):
        signing_key(short)


def test_nothing_of_the_environment_leads_a_message_elsewhere(platform, alarm, monkeypatch):
    with a_receiver() as proxy, a_receiver() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        with the_sink(platform, **a_webhook(receiver.url)) as sink:
            sink.send(a_message(alarm))

    assert proxy.got == []
    assert len(receiver.got) == 1
