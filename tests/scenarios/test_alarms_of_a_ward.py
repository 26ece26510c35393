"""From real answers to whoever is told: a unit changes, people hear of it, and of no patient."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from aiosmtpd.controller import Controller

from alarm_receiver import a_receiver
from alarming import VERSION, a_draft, an_alarming_platform
from bedside.core.clock import FixedClock
from bedside.lifecycle.alarm_delivery import deliver_alarms
from bedside.lifecycle.alarms import acknowledge, raise_alarms, resolve
from bedside.lifecycle.live_watch import watch_live
from bedside.wiring.alarm_settings import read_alarm_settings
from bedside.wiring.alarm_sinks import opened_sinks
from fhir_server import a_fhir_server
from live_ward import a_built_workspace, a_ward
from loopback import free_port
from planted import bedside_run

pytestmark = pytest.mark.xdist_group("alarms-of-a-ward")
SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()
SUBJECT = 987_654_321_000  # and up: whoever finds these digits has found a patient
CANARY = 7.65432198  # a value that some patients have
WORDS = "Mrs Canary of bed 7"


class Mailbox:
    """What a real SMTP server was given."""

    def __init__(self):
        self.got = []

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        self.got.append(envelope.content)
        return "250 taken"


def declared(folder, hook, mail=None, fhir=None):
    """`alarms.toml` of a workspace, with a sink of each kind that is given."""
    text = (
        'allow = ["127.0.0.1"]\n[sinks.duty]\nkind = "webhook"\n'
        f'url = "{hook}"\nsecret_variable = "HOOK"\n'
    )
    if mail is not None:
        text += (
            '[sinks.ward]\nkind = "mail"\nhost = "127.0.0.1"\ntls = "plain"\n'
            f'port = {mail}\nsender = "b@h.example"\nto = ["d@h.example"]\n'
        )
    if fhir is not None:
        text += f'[sinks.record]\nkind = "fhir"\nurl = "{fhir}"\n'
    (folder / "alarms.toml").write_text(text)


def told(platform):
    with opened_sinks(platform, read_alarm_settings(platform.folder), {"HOOK": SECRET}) as sinks:
        return deliver_alarms(platform, sinks)


def test_a_unit_that_changed_is_told_to_every_sink_and_no_patient_is(tmp_path):
    ward = a_ward(a_built_workspace(tmp_path / "built"), tmp_path / "w")
    drawn = np.random.default_rng(5)
    for day in range(6):
        rows = drawn.integers(0, len(ward.risk), 40)
        matrix = ward.matrix[rows]
        if day >= 3:
            matrix[:, 0] /= 10.0
        matrix[:3, 1] = CANARY
        subjects = [SUBJECT + 100 * day + place for place in range(40)]
        ward.answer(day, rows.tolist(), subjects=subjects, matrix=matrix)
    ward.clock.at = ward.on(6, 2.0)
    watched = watch_live(ward.platform, "diagnosis")
    assert watched.alarms
    box, server = Mailbox(), a_fhir_server()
    server.set(auth=False)
    mail = Controller(box, hostname="127.0.0.1", port=free_port())
    mail.start()
    try:
        with a_receiver() as receiver:
            declared(ward.platform.folder, receiver.url, mail.port, server.base)
            first = told(ward.platform)
            for alarm in watched.alarms:
                acknowledge(ward.platform, alarm.id, text=WORDS)
                resolve(ward.platform, alarm.id, action=WORDS)
            last = told(ward.platform)
    finally:
        mail.stop()

    many = len(watched.alarms)
    assert (first.sent, last.sent) == (3 * many, 3 * many)
    assert len(receiver.got) == len(box.got) == len(server.held("Communication")) == 2 * many
    bodies = b"".join(
        [*(one.body for one in receiver.got), *box.got,
         json.dumps(server.held("Communication")).encode(),
         *(one.body for one in ward.platform.deliveries.all())]
    )  # fmt: skip
    assert watched.alarms[0].id.encode() in bodies
    for canary in (str(SUBJECT)[:9], "7.654", WORDS, "Canary"):
        assert canary.encode() not in bodies
    assert "7.654" not in str(ward.platform.alarms.all())


def test_a_delivery_that_is_killed_while_it_sends_is_finished_later_under_the_same_id(tmp_path):
    platform = an_alarming_platform(tmp_path / "w")
    raise_alarms(platform, VERSION, [a_draft()])
    with a_receiver() as receiver:
        declared(platform.folder, receiver.url)
        receiver.seconds = 8.0
        running = subprocess.Popen(
            [Path(sys.executable).with_name("bedside"), "alarm", "deliver"],
            env={**os.environ, "HOOK": SECRET, "BEDSIDE_WORKSPACE": str(platform.folder)},
        )
        until = time.monotonic() + 60
        while not receiver.got and time.monotonic() < until:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        receiver.seconds = 0.0
        at_once = told(platform)
        later = FixedClock(platform.clock.now() + timedelta(minutes=11))
        done = told(replace(platform, clock=later))
        again = told(replace(platform, clock=later))

    assert (at_once.sent, done.sent, again.sent) == (0, 1, 0)
    assert len(receiver.got) == 2
    assert len({one.headers["idempotency-key"] for one in receiver.got}) == 1
    assert len({one.body for one in receiver.got}) == 1


def test_the_monitor_tells_at_its_end_and_a_file_that_is_wrong_stops_no_monitor(tmp_path):
    a_built_workspace(tmp_path / "w")
    (tmp_path / "w" / "alarms.toml").write_text("sinks = 7")

    done = bedside_run(tmp_path / "w", "monitor", "diagnosis")

    assert done.returncode == 0, done.stderr
    assert "Nobody was told of alarms: alarms.toml" in done.stderr
