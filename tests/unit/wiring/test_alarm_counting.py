"""Prometheus is told how many alarms are open, and what waits for a sink."""

import time

from alarming import VERSION, a_draft, an_alarming_platform
from bedside.core.ports.watch import Delivery
from bedside.lifecycle.alarms import raise_alarms, resolve
from bedside.wiring.alarm_counting import AlarmCounting


def told(counting, name):
    lines = counting.metrics.text().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
            for line in lines if line.startswith(name)}  # fmt: skip


def test_open_alarms_are_counted_by_model_and_severity_and_go_down_to_zero(tmp_path):
    platform = an_alarming_platform(tmp_path / "w")
    counting = AlarmCounting(platform)
    counting.look()
    assert set(told(counting, "bedside_alarms_open").values()) == {0.0}
    drafts = [a_draft(severity="high"), a_draft(key="b"), a_draft(key="c", severity="high")]
    first, *_ = raise_alarms(platform, VERSION, drafts)
    platform.deliveries.put(Delivery(key="k", sink="duty", alarm=first.id, body=b"{}"))
    platform.deliveries.put(
        Delivery(key="l", sink="duty", alarm=first.id, body=b"{}", state="sent")
    )

    counting.look()
    before = told(counting, "bedside_alarms_open"), told(counting, "bedside_alarm_messages")
    for one in platform.alarms.all():
        resolve(platform, one.id, action="done")
    counting.look()

    assert before[0]['bedside_alarms_open{model="m",severity="high"}'] == 2
    assert before[0]['bedside_alarms_open{model="m",severity="medium"}'] == 1
    assert before[1] == {
        'bedside_alarm_messages{sink="duty",state="waiting"}': 1,
        'bedside_alarm_messages{sink="duty",state="dead"}': 0,
    }
    assert set(told(counting, "bedside_alarms_open").values()) == {0.0}
    assert told(counting, "bedside_alarms_raised") == {'bedside_alarms_raised{model="m"}': 3}


def test_the_thread_looks_at_once_and_ends(tmp_path):
    platform = an_alarming_platform(tmp_path / "w")
    raise_alarms(platform, VERSION, [a_draft(severity="high")])

    with AlarmCounting(platform) as counting:
        until = time.monotonic() + 20
        while not told(counting, "bedside_alarms_open") and time.monotonic() < until:
            time.sleep(0.02)

    assert told(counting, "bedside_alarms_open")['bedside_alarms_open{model="m",severity="high"}']
