"""The alarms pages over real HTTP: what they show, what forms do, and who must stay out."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from re import DOTALL, findall

import httpx
import numpy as np
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from alarming import VERSION, a_draft, a_finding, an_alarming_platform
from bedside.console.alarm_pages import MOST_WORDS, alarm_page
from bedside.console.alarms import _fields, alarms_app
from bedside.core.errors import Invalid
from bedside.core.records.ledger import Actor
from bedside.core.records.watch import AtPlace
from bedside.lifecycle.alarm_account import alarm_told
from bedside.lifecycle.alarms import raise_alarms
from bedside.lifecycle.live_watch import watch_live
from bedside.lifecycle.platform import Platform
from live_ward import a_built_workspace, a_ward

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WORDED = ("text", "cause_text", "owner", "model", "version")
XSS = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'</textarea>&"


@pytest.fixture
def platform(tmp_path):
    return an_alarming_platform(tmp_path / "w")


@pytest.fixture
def alarm(platform):
    return raise_alarms(platform, VERSION, [a_draft()], owner="the ward")[0]


@contextmanager
def served(platform: Platform) -> Iterator[tuple[httpx.Client, str]]:
    """A browser that has not opened the address yet, and the address."""
    import socket  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = alarms_app(platform, listening.getsockname()[1])
        server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None, ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            base = f"http://127.0.0.1:{listening.getsockname()[1]}"
            with httpx.Client(base_url=base, trust_env=False) as browser:
                yield browser, app.address
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def entered(platform: Platform) -> Iterator[httpx.Client]:
    with served(platform) as (browser, address):
        assert browser.get(address, follow_redirects=True).status_code == 200
        yield browser


def sent(browser: httpx.Client, path: str, **fields: str) -> httpx.Response:
    origin = str(browser.base_url).rstrip("/")
    return browser.post(path, data=fields, headers={"origin": origin}, follow_redirects=True)


def acts(platform: Platform) -> list[str]:
    return [
        one.action
        for one in platform.ledger.entries()
        if one.action.startswith("alarm.") and one.action != "alarm.show"
    ]


def test_an_alarm_is_seen_through_by_forms_and_each_is_in_the_ledger(platform, alarm):
    place = f"/alarms/{alarm.id}"
    with entered(platform) as browser:
        listed = browser.get("/").text
        assert (alarm.text in listed, "the ward" in listed) == (True, True)
        page = browser.get(place).text
        for told in ("creatinine is missing more often", "9.0", "240", "10 %", "90 %"):
            assert told in page

        assert sent(browser, f"{place}/acknowledge", text="I look.").status_code == 200
        sent(browser, f"{place}/assign", to="laboratory IT")
        sent(browser, f"{place}/note", text="Restarted\r\nat 8:40.")
        done = sent(browser, f"{place}/resolve", text="It is back.", cause="unit_change")

        for words in ("I look.", "laboratory IT", "Restarted\nat 8:40.", "It is back."):
            assert words in done.text
        assert "<form" not in done.text
        assert "No alarm is open" in browser.get("/").text
        assert alarm.id in browser.get("/resolved").text
        again = sent(browser, f"{place}/note", text="Once more.")
        assert (again.status_code, "is resolved" in again.text) == (403, True)

    after = platform.alarms.get(alarm.id)
    assert (after.state, after.owner) == ("resolved", "laboratory IT")
    assert {one.by for one in after.steps} == {"user:ada"}
    assert acts(platform) == [
        "alarm.raise", "alarm.acknowledge", "alarm.assign", "alarm.note", "alarm.resolve",
    ]  # fmt: skip
    sealed = json.loads(platform.ledger.unseal(after.steps[-1].entry))
    assert sealed == {"action": "It is back."}


def test_figures_of_a_named_place_stand_beneath_those_of_all_places(platform):
    places = (
        AtPlace(place="site: B", then=0.1, now=0.975, n=120),
        AtPlace(place="elsewhere", then=0.125, now=None, n=None),
    )
    (alarm,) = raise_alarms(platform, VERSION, [a_draft(a_finding(places=places))])

    with entered(platform) as browser:
        page = browser.get(f"/alarms/{alarm.id}").text

    rows = [
        " ".join(findall(r">([^<>]+)</td>", row)) for row in findall(r"<tr.*?</tr>", page, DOTALL)
    ]
    assert "site: B 10 % 98 % 120 2026-02-27" in rows
    assert "elsewhere 12 % hidden 10 or fewer 2026-02-27" in rows
    assert "(all places)" in page


def test_a_form_that_is_not_taken_changes_nothing_and_keeps_what_was_typed(platform, alarm):
    place = f"/alarms/{alarm.id}"
    with entered(platform) as browser:
        empty = sent(browser, f"{place}/note", text="  ")
        wrong = sent(browser, f"{place}/resolve", text="We fixed the feed.", cause="the moon")
        long = sent(browser, f"{place}/note", text="x" * (MOST_WORDS + 1))
        nobody = sent(browser, "/alarms/ALM-999/note", text="x")
        no_form = sent(browser, f"{place}/erase", text="x")

    assert (empty.status_code, "Nothing is said." in empty.text) == (400, True)
    assert (wrong.status_code, "We fixed the feed.</textarea>" in wrong.text) == (400, True)
    assert 'role="alert"' in wrong.text
    assert [one.status_code for one in (long, nobody, no_form)] == [400, 404, 404]
    assert acts(platform) == ["alarm.raise"]


def test_nobody_gets_in_without_the_token_and_it_opens_once(platform, alarm):
    paths = ("/", "/resolved", f"/alarms/{alarm.id}", "/live/000000000000", "/static/alarms.css")
    with served(platform) as (browser, address):
        for path in paths:
            refused = browser.get(path)
            assert (refused.status_code, "reatinine" in refused.text) == (401, False)
        assert sent(browser, f"/alarms/{alarm.id}/resolve", text="x").status_code == 401
        browser.get(address)
        assert browser.get("/").status_code == 200
        with httpx.Client(trust_env=False) as other:
            assert other.get(address, follow_redirects=True).status_code == 401
    assert acts(platform) == ["alarm.raise"]


def test_a_form_of_another_page_is_refused(platform, alarm):
    place = f"/alarms/{alarm.id}/resolve"
    with entered(platform) as browser:
        ours = str(browser.base_url).rstrip("/")
        told = {"text": "x", "cause": "season"}
        for origin in ({}, {"origin": "http://evil.example"}, {"origin": "null"}):
            assert browser.post(place, data=told, headers=origin).status_code == 403
        assert browser.post(place, json=told, headers={"origin": ours}).status_code == 415
        assert browser.get(place).status_code == 405
        assert browser.get("/", headers={"host": "evil.example"}).status_code == 421
    assert acts(platform) == ["alarm.raise"]


def test_words_of_others_are_shown_as_words(platform):
    draft = a_draft(a_finding(text=XSS, n=500), text=XSS, groups=(XSS,), signals=(XSS,))
    (alarm,) = raise_alarms(platform, VERSION, [draft], owner=XSS)
    place = f"/alarms/{alarm.id}"
    with entered(platform) as browser:
        pages = [
            sent(browser, f"{place}/assign", to=XSS).text,
            sent(browser, f"{place}/note", text=XSS).text,
            sent(browser, f"{place}/resolve", text=XSS, cause=XSS).text,
            browser.get("/").text,
            sent(browser, f"{place}/resolve", text=XSS).text,
            browser.get("/resolved").text,
        ]
    for page in pages:
        assert "&lt;script&gt;" in page
        assert findall(r"<(?:script|img)", page) == []
        assert findall(r"<[^>]+ (?:on\w+|style)=", page.replace("&#34;", "")) == []


@given(words=st.text(max_size=80) | st.text("<>\"'&/=` ab{%}\n", max_size=60))
def test_no_text_gets_out_of_its_place(words):
    told = {
        "id": "ALM-1", "severity": "high", "state": "open", "standing": "open", "text": words,
        "cause": "unknown",
        "cause_text": words, "onset": "2026-01-01", "raised": "2026-01-01T00:00:00.000000Z",
        "owner": words, "model": words, "version": words, "groups": [words], "findings": [],
        "score_share": None, "seconds_to_acknowledge": None, "seconds_to_resolve": None,
        "steps": [{"kind": "noted", "at": "2026-01-01T00:00:00Z", "by": words, "entry": 1,
                   "text": "", "words": {"text": words}}],
    }  # fmt: skip

    plain = alarm_page({**told, **dict.fromkeys(WORDED, "w"), "groups": ["w"], "steps": []}, None,
                       who="w", now=NOW)  # fmt: skip
    page = alarm_page({**told, "steps": []}, None, who=words, now=NOW, form="note",
                      typed={"text": words}, wrong=None)  # fmt: skip

    assert findall(r"<[^>]*>", page.split("<main")[1]) == findall(
        r"<[^>]*>", plain.split("<main")[1]
    )


@given(st.binary(max_size=80))
def test_what_is_no_form_is_refused_and_not_repeated(body):
    try:
        told = _fields(body)
    except Invalid as refused:
        assert refused.problem in ("This is no form.", "That is too long.")  # noqa: PT017
    else:
        assert all(isinstance(value, str) for value in told.values())


def test_no_script_runs_and_nothing_is_kept_by_the_browser(platform, alarm):
    with entered(platform) as browser:
        for path in ("/", f"/alarms/{alarm.id}", "/resolved", "/alarms/ALM-999", "/nowhere"):
            answer = browser.get(path)
            policy = answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"
            assert "script" not in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["referrer-policy"] == "same-origin"
            assert "<script" not in answer.text


def test_who_may_not_watch_sees_and_does_nothing(platform, alarm):
    stranger = replace(platform, actor=Actor(name="user:eve", purpose="advertising"))
    with served(stranger) as (browser, address):
        for path in ("", f"/alarms/{alarm.id}", "/resolved"):
            first = browser.get(address, follow_redirects=True) if not path else browser.get(path)
            assert (first.status_code, "reatinine" in first.text) == (403, False)
        refused = sent(browser, f"/alarms/{alarm.id}/acknowledge", text="x")
    assert refused.status_code == 403
    assert platform.alarms.get(alarm.id).state == "open"


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    folder = tmp_path_factory.mktemp("console")
    ward = a_ward(a_built_workspace(folder / "built"), folder / "w")
    drawn = np.random.default_rng(5)
    for day in range(12):
        rows = drawn.integers(0, len(ward.risk), 60).tolist()
        matrix = ward.matrix[rows].copy()
        if day >= 6:
            matrix[:, 0] *= 10.0
        whose = [1000 * (day + 1) + place for place in range(60)]
        ward.answer(day, rows, subjects=whose, matrix=matrix)
    ward.clock.at = ward.on(12, 2.0)
    watch_live(ward.platform, "diagnosis")
    return ward


def test_a_version_in_use_is_shown_with_its_state_its_evidence_and_its_page(ward):
    (alarm, *_) = ward.platform.alarms.all(unresolved=True)
    mark = ward.version.bundle[:12]
    with entered(ward.platform) as browser:
        listed = browser.get("/").text
        page = browser.get(f"/alarms/{alarm.id}").text
        live = browser.get(f"/live/{mark}")

    assert "something moved" in listed
    assert f'href="/live/{mark}"' in listed
    assert "<polyline" in page
    assert f'href="/live/{mark}"' in page
    written = ward.platform.folder / "reports" / f"{ward.version.id.replace('@', '-')}-live.html"
    assert live.content == written.read_bytes()
    assert "style-src 'sha256-" in live.headers["content-security-policy"]


def test_only_pages_of_versions_in_use_are_served(ward, tmp_path):
    secret = tmp_path / "secret.html"
    secret.write_text("a secret")
    page = ward.platform.folder / "reports" / f"{ward.version.id.replace('@', '-')}-live.html"
    kept = page.read_bytes()
    with entered(ward.platform) as browser:
        for mark in ("..%2f..%2fledger", "%2e%2e", "000000000000", "diagnosis", ward.version.id):
            assert browser.get(f"/live/{mark}").status_code == 404
        page.unlink()
        page.symlink_to(secret)
        try:
            linked = browser.get(f"/live/{ward.version.bundle[:12]}")
            assert (linked.status_code, "secret" in linked.text) == (404, False)
        finally:
            page.unlink()
            page.write_bytes(kept)


def test_a_version_that_nobody_watches_any_more_is_shown_so_and_no_alarm_is_raised(ward):
    before = len(ward.platform.alarms.all())
    at = ward.clock.at
    ward.clock.at = ward.on(40)
    try:
        with entered(ward.platform) as browser:
            listed = browser.get("/").text
    finally:
        ward.clock.at = at
    assert "Nobody has watched it since" in listed
    assert len(ward.platform.alarms.all()) == before


def test_who_looks_at_an_alarm_is_in_the_ledger(platform, alarm):
    with entered(platform) as browser:
        browser.get(f"/alarms/{alarm.id}")
    shown = [one for one in platform.ledger.entries() if one.action == "alarm.show"]
    assert [one.actor for one in shown] == ["user:ada"]
    assert alarm_told(platform, alarm.id)["state"] == "open"
