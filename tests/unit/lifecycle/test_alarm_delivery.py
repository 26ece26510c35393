"""Messages about alarms: durable before they are tried, in order, once, whatever a sink does."""

import base64
import hmac
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from alarm_receiver import a_receiver
from alarming import TOLD, VERSION, a_draft, a_finding, an_alarming_platform
from bedside.core.clock import FixedClock, SystemClock
from bedside.core.errors import Refused
from bedside.lifecycle.alarm_delivery import Patience, deliver_alarms, revive_alarms, sinks_told
from bedside.lifecycle.alarms import acknowledge, note, raise_alarms, resolve
from bedside.monitor.adapters.sql_deliveries import SqlDeliveries
from bedside.monitor.adapters.webhook_sink import alerts_of
from bedside.wiring.alarm_settings import AlarmSettings, SinkSettings
from bedside.wiring.alarm_sinks import deliver_all, opened_sinks
from bedside.wiring.workspace import actor_of
from loopback import free_port
from recovering import BACK, days, recovered

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
ENVIRONMENT = {"HOOK": SECRET}


@pytest.fixture
def platform(tmp_path):
    made = an_alarming_platform(tmp_path / "w")
    return replace(made, clock=FixedClock(SystemClock().now()))


@pytest.fixture
def receiver():
    with a_receiver() as made:
        yield made


def settings(receiver, **changes):
    told = {"kind": "webhook", "url": receiver.url, "secret_variable": "HOOK"}
    return AlarmSettings(
        allow=frozenset({"127.0.0.1"}), sinks={"duty": SinkSettings(**(told | changes))}
    )


def run(platform, receiver, seconds=10.0, **changes):
    """One delivery, with the sink as it is declared; jitter takes nothing off."""
    with opened_sinks(platform, settings(receiver, **changes), ENVIRONMENT) as sinks:
        quick = [replace(one, seconds=seconds) if hasattr(one, "seconds") else one for one in sinks]
        return deliver_alarms(platform, quick, chance=lambda: 0.0)


def states(platform):
    return [(one.state, one.tries, one.why) for one in platform.deliveries.all()]


def later(platform, **length):
    platform.clock.at += timedelta(**length)


def types(receiver):
    return [json.loads(one.body)["type"] for one in receiver.got]


def test_an_alarm_is_told_once_signed_and_not_again(platform, receiver):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])

    done = run(platform, receiver)
    again = run(platform, receiver)

    (request,) = receiver.got
    message = json.loads(request.body)
    told = request.headers
    signed = f"{told['webhook-id']}.{told['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.digest(b"s" * 32, signed, "sha256")).decode()
    assert told["webhook-signature"] == f"v1,{expected}"
    assert told["idempotency-key"] == told["webhook-id"] == message["id"]
    assert abs(int(told["webhook-timestamp"]) - platform.clock.now().timestamp()) < 2
    assert (message["type"], message["alarm"]["id"]) == ("alarm.raised", alarm.id)
    assert (done.put, done.sent) == (1, 1)
    assert (again.put, again.sent, again.later) == (0, 0, 0)


def test_what_people_wrote_and_small_figures_are_in_no_message(platform, receiver):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft(a_finding(now=0.35, n=4))])
    acknowledge(platform, alarm.id, text=TOLD)
    note(platform, alarm.id, text=TOLD)
    run(platform, receiver)
    resolve(platform, alarm.id, action=TOLD)

    run(platform, receiver)

    assert types(receiver) == ["alarm.raised", "alarm.resolved"]
    kept = b"".join(one.body for one in platform.deliveries.all())
    for sent in (kept, *(one.body for one in receiver.got)):
        assert b"Nobody" not in sent
        assert b"0.35" not in sent
    assert TOLD not in str(list(platform.ledger.entries()))


def test_what_recovered_is_told_as_resolved_or_as_waiting_and_again_once_it_is_back(
    platform, receiver
):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])
    run(platform, receiver)
    recovered(platform, days(alarm, *[BACK] * 20))
    run(platform, receiver)
    (again,) = raise_alarms(platform, VERSION, [a_draft(severity="high")])
    run(platform, receiver)
    recovered(platform, days(again, *[BACK] * 20))

    run(platform, receiver)

    told = [json.loads(one.body) for one in receiver.got]
    assert [one["type"] for one in told] == [
        "alarm.raised", "alarm.resolved", "alarm.reopened", "alarm.recovered",
    ]  # fmt: skip
    firing = [alerts_of(one, now=one["at"])[0]["endsAt"] > one["at"] for one in told]
    assert firing == [True, False, True, True]  # what waits for a person goes on firing
    assert [one["alarm"]["standing"] for one in told[1::2]] == [
        "recovered, closed", "recovered, waits for a person",
    ]  # fmt: skip
    (first,) = {one["alarm"]["id"] for one in told}
    assert first == alarm.id


def test_only_more_severe_and_resolved_are_told_again(platform, receiver):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])
    run(platform, receiver)
    raise_alarms(platform, VERSION, [a_draft(a_finding("rank:lactate.last"))])
    acknowledge(platform, alarm.id)
    run(platform, receiver)
    raise_alarms(platform, VERSION, [a_draft(severity="high")])
    run(platform, receiver)
    resolve(platform, alarm.id, action="the feed is back")

    run(platform, receiver)

    assert types(receiver) == ["alarm.raised", "alarm.grew", "alarm.resolved"]
    assert len({one.headers["webhook-id"] for one in receiver.got}) == 3


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"status": 500}, "http_500"),
        ({"status": 429}, "http_429"),
        ({"status": 302, "location": "/elsewhere"}, "redirected"),
        ({"seconds": 1.0}, "too_slow"),
    ],
)
def test_what_a_sink_does_not_take_waits_and_comes_when_it_does(platform, receiver, fault, code):
    raise_alarms(platform, VERSION, [a_draft()])
    for name, value in fault.items():
        setattr(receiver, name, value)

    failed = run(platform, receiver, seconds=0.3)
    after = states(platform)
    at_once = run(platform, receiver, seconds=0.3)
    receiver.status, receiver.seconds, receiver.location = 204, 0.0, ""
    later(platform, seconds=31)
    sent = run(platform, receiver)

    assert (failed.later, at_once.later, sent.sent) == (1, 1, 1)
    assert [one.path for one in receiver.got] == ["/alarms", "/alarms"], "no redirect is followed"
    assert len({one.headers["webhook-id"] for one in receiver.got}) == 1
    assert states(platform) == [("sent", 2, "")]
    delivered = [one for one in platform.ledger.entries() if one.action == "alarm.deliver"]
    assert [one.details["state"] for one in delivered] == ["sent"]
    assert after == [("waiting", 1, code)]


def test_a_sink_that_is_down_is_told_of_and_everything_comes_once_it_is_up(platform):
    raise_alarms(platform, VERSION, [a_draft(), a_draft(key="another", severity="high")])
    port = free_port()
    with a_receiver(port) as gone:
        pass

    run(platform, gone)
    with opened_sinks(platform, settings(gone), ENVIRONMENT) as sinks:
        (told,) = sinks_told(platform, sinks)
    later(platform, hours=2)
    with a_receiver(port) as back:
        done = run(platform, back)

    assert (told["state"], told["waiting"], told["why"]) == ("down", 2, "out_of_reach")
    assert (done.sent, done.later) == (2, 0)
    assert len(back.got) == 2
    assert states(platform) == [("sent", 2, ""), ("sent", 1, "")], "one try shows that it is down"


def test_the_wait_doubles_up_to_an_hour_and_chance_takes_off_up_to_half():
    plan = Patience()

    waits = [plan.wait(tries, 0.0).total_seconds() for tries in range(1, 10)]

    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert plan.wait(3, 0.999) > timedelta(seconds=60)


def test_a_message_is_given_up_after_days_and_waits_again_when_a_person_says_so(platform, receiver):
    raise_alarms(platform, VERSION, [a_draft()])
    receiver.status = 503
    run(platform, receiver)
    later(platform, days=6)
    run(platform, receiver)
    later(platform, days=2)
    dead = run(platform, receiver)
    later(platform, days=9)
    assert (dead.dead, run(platform, receiver).later) == (1, 0)
    with opened_sinks(platform, settings(receiver), ENVIRONMENT) as sinks:
        (told,) = sinks_told(platform, sinks)

    receiver.status = 200
    revived = revive_alarms(platform)
    done = run(platform, receiver)

    assert (told["state"], told["dead"], told["why"]) == ("down", 1, "http_503")
    assert (revived, done.sent) == (1, 1)


def test_one_alarm_is_told_in_order_and_what_is_outdated_never_comes_after(platform, receiver):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])
    receiver.status = 500
    run(platform, receiver)
    resolve(platform, alarm.id, action="the feed is back")
    receiver.status = 204

    early = run(platform, receiver)
    later(platform, minutes=1)
    run(platform, receiver)

    assert early.sent == 0, "the first message still waits for its next try"
    assert types(receiver)[1:] == ["alarm.raised", "alarm.resolved"]
    first, second = platform.deliveries.all()
    platform.deliveries.change(replace(first, state="dead"))
    assert revive_alarms(platform) == 0
    assert [one.state for one in platform.deliveries.all()] == ["outdated", "sent"]
    assert second.state == "sent"


def test_a_crash_between_sending_and_noting_it_sends_the_same_message_again(
    platform, receiver, monkeypatch
):
    raise_alarms(platform, VERSION, [a_draft()])

    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(SqlDeliveries, "change", dies)
    with pytest.raises(KeyboardInterrupt):
        run(platform, receiver)
    monkeypatch.undo()
    meanwhile = run(platform, receiver)
    later(platform, minutes=11)
    done = run(platform, receiver)

    assert (meanwhile.sent, done.sent) == (0, 1)
    first, second = receiver.got
    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_a_crash_before_a_message_is_put_loses_no_alarm(platform, receiver):
    raise_alarms(platform, VERSION, [a_draft()])  # and then the process dies

    assert platform.deliveries.all() == []
    assert run(platform, receiver).sent == 1


def test_two_runs_at_once_send_each_message_once(platform, receiver):
    raise_alarms(platform, VERSION, [a_draft(), a_draft(key="b"), a_draft(key="c")])

    class Meanwhile:
        name, kind, least, models = "duty", "webhook", "low", ()

        def __init__(self, inner):
            self.inner, self.ran = inner, False

        def send(self, body):
            if not self.ran:
                self.ran = True
                deliver_alarms(platform, [self.inner])
            self.inner.send(body)

    with opened_sinks(platform, settings(receiver), ENVIRONMENT) as (sink,):
        deliver_alarms(platform, [Meanwhile(sink)])

    assert len(receiver.got) == len({one.headers["webhook-id"] for one in receiver.got}) == 3


def test_a_sink_is_told_of_what_concerns_it_and_of_what_is_open_when_it_is_declared(
    platform, receiver
):
    (old,) = raise_alarms(platform, VERSION, [a_draft(key="old", severity="high")])
    resolve(platform, old.id, action="over before anybody was told")
    raise_alarms(platform, VERSION, [a_draft(severity="low"), a_draft(key="b", severity="high")])

    assert run(platform, receiver, models=("another",)).put == 0
    done = run(platform, receiver, least="high")

    assert done.sent == 1
    assert json.loads(receiver.got[0].body)["alarm"]["severity"] == "high"


def test_a_sink_that_is_not_declared_any_more_holds_nobody_else_up(platform, receiver):
    raise_alarms(platform, VERSION, [a_draft()])
    receiver.status = 500
    run(platform, receiver)
    receiver.status = 204
    later(platform, hours=1)
    two = settings(receiver)
    renamed = replace(two, sinks={"other": two.sinks["duty"]})

    with opened_sinks(platform, renamed, ENVIRONMENT) as sinks:
        done = deliver_alarms(platform, sinks)
        told = {one["sink"]: one["state"] for one in sinks_told(platform, sinks)}

    assert (done.sent, done.later) == (1, 1)
    assert told == {"other": "well", "duty": "not declared"}


def test_who_may_not_monitor_tells_nobody(platform, receiver):
    raise_alarms(platform, VERSION, [a_draft()])
    outsider = replace(platform, actor=actor_of("user:ada", "no purpose at all"))

    with pytest.raises(Refused):
        run(outsider, receiver)

    assert receiver.got == []


def test_without_a_file_nobody_is_told_and_nothing_fails(platform):
    raise_alarms(platform, VERSION, [a_draft()])

    done = deliver_all(platform)

    assert (done.put, done.sent, done.later) == (0, 0, 0)
