"""The labelling page over real HTTP: two readers, who decides, and those who must stay out."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from pathlib import Path
from re import findall, search

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from bedside.console.labelling import labelling_app
from bedside.console.note_page import KEYS, pieces
from bedside.core.errors import Refused
from bedside.core.records.certificate import Required
from bedside.core.records.identifier import IdentifierKind
from bedside.core.records.ledger import Actor
from bedside.lifecycle.note_certificates import certify
from bedside.lifecycle.note_labels import Labelling
from bedside.lifecycle.note_samples import SampleRun, draw_notes
from bedside.lifecycle.platform import Platform
from bedside.privacy.text.annotated import LabelledSpan
from bedside.wiring.certifying import certificate_signer
from bedside.wiring.console import labelling_of, serve_labelling
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

TEXT = "Mr. John Baker <b>& son</b>\r\nwas seen\ton 03/04/2020 by \U0001f600 Dr. Ann Foster.\n"
NAME = [4, 14, "name"]
DAY = [TEXT.index("03/04"), TEXT.index("03/04") + 10, "date"]


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    opened = open_workspace(tmp_path / "w", actor=actor_of("ana", "de-identification"),
                            progress=LineProgress())  # fmt: skip
    folder = tmp_path / "notes"
    folder.mkdir()
    for at in range(3):
        (folder / f"{at}.txt").write_bytes(f"{TEXT}{at}".encode())
    draw_notes(opened, SampleRun(data="letters", many=2, language="en", source=folder))
    return opened


@contextmanager
def served(labelling: Labelling) -> Iterator[tuple[httpx.Client, str]]:
    """A browser that has not opened the address yet, and the address."""
    import socket  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        app = labelling_app(labelling, port)
        server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None, ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as browser:
                yield browser, app.address
        finally:
            server.should_exit = True
            thread.join()


def as_person(platform: Platform, name: str) -> Platform:
    return replace(platform, actor=Actor(name=name, purpose="de-identification"))


def sent(browser: httpx.Client, place: int, *spans: list[object]) -> httpx.Response:
    origin = str(browser.base_url).rstrip("/")
    return browser.post(f"/notes/{place}", json={"spans": list(spans)}, headers={"origin": origin})


def entered(browser: httpx.Client, address: str) -> str:
    page = browser.get(address, follow_redirects=True)
    assert page.status_code == 200
    return page.text


def test_two_read_a_third_decides_and_it_is_certified(platform: Platform) -> None:
    with served(labelling_of(as_person(platform, "ana"), "letters")) as (browser, address):
        page = entered(browser, address)
        assert "suggestions of the engine" in page
        assert sent(browser, 1, NAME, DAY).json() == {"next": "/notes/2"}
        assert "1 of 2 saved" in browser.get("/notes/2").text
        assert sent(browser, 2, NAME, DAY).json() == {"next": "/done"}
        assert "All 2 notes are saved" in browser.get("/", follow_redirects=True).text
    ben = as_person(platform, "ben")
    with served(labelling_of(ben, "letters", blind=True)) as (browser, address):
        page = entered(browser, address)
        assert "You see no suggestions" in page
        assert 'data-marks="[]"' in page  # neither the engine's marks nor ana's
        sent(browser, 1, NAME)
        sent(browser, 2, NAME, DAY)
    with served(labelling_of(as_person(platform, "cem"), "letters", decides=True)) as (
        browser,
        address,
    ):
        page = entered(browser, address)
        assert "Note 1 of 1" in page
        assert "nothing" in page
        told = sent(browser, 1, DAY)
        assert (told.status_code, told.json()["code"]) == (403, "agreed")
        assert sent(browser, 1, NAME, DAY).json() == {"next": "/done"}

    low = Required(overall=0.1, names=0.1)
    done = certify(platform, "letters", certificate_signer(platform), required=low).certificate

    assert (done.readers, done.adjudicator, done.blind) == (("ana", "ben"), "cem", ("ben",))
    assert done.overall.of == 4


def test_the_page_gives_back_every_character_of_the_note(platform: Platform) -> None:
    with served(labelling_of(platform, "letters")) as (browser, address):
        page = entered(browser, address)

    inside = search(r'<div id="note".*?</div>', page, flags=16)
    assert inside is not None
    told = findall(r'<span class="[wg]" data-a="(\d+)" data-b="(\d+)">(.*?)</span>',
                   inside[0].replace("\n", "\\n"))  # fmt: skip
    text = "".join(unescape(part.replace("\\n", "\n")) for _, _, part in told)
    assert text[:-1] == TEXT
    assert all(int(end) - int(start) == len(unescape(part.replace("\\n", "\n")))
               for start, end, part in told)  # fmt: skip
    assert "<b>" not in inside[0]


def test_nobody_gets_in_but_by_the_address_and_it_opens_once(platform: Platform) -> None:
    with served(labelling_of(platform, "letters")) as (browser, address):
        for path in ("/", "/notes/1", "/done", "/static/label.js", "/open", "/open?token=x"):
            refused = browser.get(path)
            assert refused.status_code == 401
            assert "Baker" not in refused.text
        entered(browser, address)
        assert browser.get("/notes/1").status_code == 200

        with httpx.Client(trust_env=False) as other:
            assert other.get(address, follow_redirects=True).status_code == 401
        cookie = next(iter(browser.cookies.jar))
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "strict"


def test_other_pages_and_other_names_of_this_machine_are_refused(platform: Platform) -> None:
    with served(labelling_of(platform, "letters")) as (browser, address):
        entered(browser, address)
        ours = str(browser.base_url).rstrip("/")
        body = {"spans": [NAME]}

        assert browser.get("/notes/1", headers={"host": "evil.example"}).status_code == 421
        assert browser.post("/notes/1", json=body).status_code == 403
        evil = {"origin": "http://evil.example"}
        assert browser.post("/notes/1", json=body, headers=evil).status_code == 403
        form = {"origin": ours, "content-type": "text/plain"}
        assert browser.post("/notes/1", content=b"{}", headers=form).status_code == 415
        big = b" " * 2_000_001
        huge = {"origin": ours, "content-type": "application/json"}
        assert browser.post("/notes/1", content=big, headers=huge).status_code == 413
        assert browser.put("/notes/1", json=body, headers={"origin": ours}).status_code == 405
        assert "0 of 2 saved" in browser.get("/notes/1").text


def test_nothing_is_kept_by_the_browser_and_no_script_but_ours_runs(platform: Platform) -> None:
    with served(labelling_of(platform, "letters")) as (browser, address):
        entered(browser, address)
        for path in ("/notes/1", "/done", "/static/label.js", "/nowhere", "/notes/99"):
            headers = browser.get(path).headers
            assert headers["cache-control"] == "no-store"
            assert "script-src 'self'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["referrer-policy"] == "no-referrer"
        page = browser.get("/notes/1").text
        assert findall(r"<script(?! src=\"/static/label.js\" defer></script>)", page) == []
        assert findall(r"<[^>]+ (?:on\w+|style)=", page) == []


@given(body=st.one_of(st.binary(max_size=60), st.just(b'{"spans": [[1,2]]}'),
                      st.just(b'{"spans": [[true, 5, "name"]]}'),
                      st.just(b'{"spans": [["Baker", 5, "name"]]}')))  # fmt: skip
def test_what_is_no_marks_is_refused_and_not_repeated(body: bytes) -> None:
    from bedside.console.labelling import _spans  # noqa: PLC0415
    from bedside.core.errors import Invalid  # noqa: PLC0415

    with pytest.raises(Invalid) as refused:
        _spans(body)

    assert "Baker" not in str(refused.value)


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60))))
def test_pieces_are_the_whole_text_and_no_mark_cuts_one(
    text: str, edges: list[tuple[int, int]]
) -> None:
    marks = [
        LabelledSpan(start=min(a, b), end=max(a, b), label="name")
        for a, b in edges
        if a != b and max(a, b) <= len(text)
    ]

    found = pieces(text, marks)

    assert "".join(piece.text for piece in found) == text
    assert all(m.end <= p.start or m.start >= p.end or (m.start <= p.start and p.end <= m.end)
               for m in marks for p in found)  # fmt: skip


def test_every_kind_has_a_key_of_its_own() -> None:
    assert set(KEYS) == {kind.value for kind in IdentifierKind}
    assert len(set(KEYS.values())) == len(KEYS)


def test_who_may_not_read_records_sees_no_note(platform: Platform) -> None:
    work = labelling_of(platform, "letters")
    with served(work) as (browser, address):
        entered(browser, address)
        work._platform = replace(  # while the page is open
            platform, actor=Actor(name="ana", purpose="advertising")
        )

        refused = browser.get("/notes/1")

    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    with pytest.raises(Refused):
        labelling_of(replace(platform, actor=Actor(name="ana", purpose="ads")), "letters")


def test_the_server_tells_its_address_and_keeps_to_loopback(platform: Platform) -> None:
    told: list[str] = []

    def tell(address: str) -> None:
        told.append(address)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve_labelling(labelling_of(platform, "letters"), 0, tell)

    assert told[0].startswith("http://127.0.0.1:")
