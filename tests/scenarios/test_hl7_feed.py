"""HL7 v2 in, scores out: real processes and sockets, killed and restarted, with public messages."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import threading
import time
import zipfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import hl7
import pytest

from bedside.core.errors import Invalid, Refused
from bedside.core.records.fhir_letter import LetterState
from bedside.interop.hl7v2.answering import acknowledgement
from bedside.interop.hl7v2.framing import Frames, framed
from bedside.interop.hl7v2.message import read_message
from bedside.lifecycle.collect import load_source
from bedside.wiring.fhir import outbox_of
from bedside.wiring.hl7_serving import check_answering
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from data_folder import data_folder
from fhir_server import running as a_fhir_server_of_its_own
from hl7_ward import observed
from house import ROOT
from loopback import free_port
from planted import BEDSIDE, bedside_run

pytestmark = pytest.mark.xdist_group("hl7_feed")  # its fixtures are made once

ASKING = ("ORU^R01", "ADT^A01", "ADT^A03", "ADT^A04", "ADT^A08", "OML^O21", "VXU^V04")
CANARY = "Quetzalcanary"
SOME_TIME = datetime(2026, 3, 1, tzinfo=UTC)


def a_page(name: str) -> ModuleType:
    """A hospital of the manual."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "howto" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def the_hospital() -> ModuleType:
    return a_page("hl7_hospital")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    """A workspace with a live model of biopsies, which HL7 v2 and FHIR ask."""
    folder = tmp_path_factory.mktemp("hl7")
    shipped = ROOT / "src/bedside/usecases/diagnosis/bedside.yaml"
    channel = f"messages: [{', '.join(map(json.dumps, ASKING))}], receiving_application: EHR"
    told = shipped.read_text().replace(
        "channels:", f"channels:\n  fhir: {{}}\n  hl7v2: {{{channel}}}"
    )
    (folder / "mass").mkdir()
    (folder / "mass" / "bedside.yaml").write_text(told)
    by = ("--name", "Dr Ada Example", "--meaning", "for this test")
    without = ("--without-evidence", "nobody is treated")
    for command in (
        ("build", str(folder / "mass")),
        ("approve", "diagnosis", *by),
        ("release", "diagnosis", "--stage", "silent"),
        ("approve", "diagnosis", "--for", "live", *by, *without),
        ("release", "diagnosis", "--stage", "live", *without),
    ):
        done = bedside_run(folder / "w", *command)
        assert done.returncode == 0, done.stderr
    return folder / "w"


def a_source(folder: Path, name: str, port: int) -> Path:
    """The public messages' own declaration, with the laboratory's codes, and a port."""
    shipped = ROOT / "src/bedside/usecases/sources/hl7v2_messages.yaml"
    codes = "\n".join(f"  LOCAL//{code}: WDBC//{code}" for code in the_hospital().measured())
    told = shipped.read_text().replace("name: hl7v2_messages", f"name: {name}")
    (folder / name).mkdir()
    text = f"{told}\nlistener: {{port: {port}}}\ncodes:\n{codes}\n"
    (folder / name / "source.yaml").write_text(text)
    return folder / name


class ReceivingSystem:
    """A real MLLP receiver: what it accepted, and how it is there or away."""

    def __init__(self) -> None:
        self.port = free_port()
        self.got: list[bytes] = []
        self._server: socket.socket | None = None

    def come(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(self._server,), daemon=True).start()

    def go(self) -> None:
        if self._server is not None:
            self._server.close()

    def _serve(self, server: socket.socket) -> None:
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._listen, args=(line,), daemon=True).start()

    def _listen(self, line: socket.socket) -> None:
        frames = Frames(1 << 20)
        with line:
            while got := line.recv(65_536):
                for one in frames.feed(got):
                    self.got.append(one)
                    header = read_message(one).header
                    told = acknowledgement(header, at=SOME_TIME, control="1")
                    line.sendall(framed(told))

    @property
    def controls(self) -> Counter[str]:
        return Counter(read_message(one).header.control for one in self.got)


@contextmanager
def serving(workspace: Path, log: Path, *command: str, **environment: str):
    """A command that runs until it is told to stop."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [BEDSIDE, *command],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "BEDSIDE_WORKSPACE": str(workspace), **environment},
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def wait_for(condition, seconds: float = 120.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come in time")


def send(port: int, content: bytes, seconds: float = 120.0) -> bytes:
    """Send until it is acknowledged, as a sender does; the acknowledgement."""
    until = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
                line.sendall(framed(content))
                frames, found = Frames(1 << 20), []
                while not found:
                    got = line.recv(65_536)
                    if not got:
                        raise ConnectionError
                    found = frames.feed(got)
                return found[0]
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.1)


def public_messages() -> list[bytes]:
    """The public messages, one by one, in the order of their names."""
    found = []
    for archive in sorted(data_folder("hl7v2-messages").glob("*.zip")):
        with zipfile.ZipFile(archive) as opened:
            names = sorted(name for name in opened.namelist() if name.endswith(".hl7"))
            found += [opened.read(name).strip(b"\r\n") for name in names]
    return [one.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\r") for one in found]


def asks_of(messages: list[bytes]) -> set[tuple[str, str, str, bytes]]:
    """Sender, control id and content of each message that asks, by another parser.

    Some senders of the public messages gave one control id to many of them.
    """
    asking = set()
    for one in messages:
        head = hl7.parse(one.decode().replace("\n", "\r").split("\r")[0] + "\r")[0]
        kind = "^".join(str(head[9]).split("^")[:2])
        if kind in ASKING:
            control = str(head[10]).strip() or repr(one)
            asking.add((str(head[3]), str(head[4]), control, one))
    return asking


def outbox(workspace: Path):
    return outbox_of(
        open_workspace(workspace, actor=actor_of("test", "test"), progress=LineProgress())
    )


def letters_of(workspace: Path) -> Counter[str]:
    found = outbox(workspace).listed(set(LetterState), most=10_000)
    return Counter(one.state for one in found if one.sent_to.startswith("mllp"))


def entries_of(workspace: Path) -> list[dict]:
    return json.loads(bedside_run(workspace, "ledger", "show", "--json").stdout)["entries"]


def hasten(workspace: Path, receiver: str) -> None:
    """Let what waits for a later attempt be due now, so that the test need not wait for it."""
    kept = outbox(workspace)
    now = SOME_TIME
    for one in kept.due(receiver, now.replace(year=2099), most=10_000):
        kept.settle(replace(one, due=now))


def test_public_messages_are_each_answered_once_over_kills_and_an_absent_receiver(
    workspace, tmp_path
):
    hospital, port, log = the_hospital(), free_port(), tmp_path / "log"
    source, receiver = a_source(tmp_path, "ward_killed", port), ReceivingSystem()
    own = [
        hospital.admission("own-1").replace(b"Example", CANARY.encode()),
        hospital.results("own-2", hospital.measured()).replace(b"Example", CANARY.encode()),
    ]
    public = public_messages()
    assert len(public) == 67
    poison = [
        own[1].replace(b"own-2", b"own-3").replace(b"4711^^^HOSPITAL^MR", b""),
        b"PID|this is no message|" + CANARY.encode(),
    ]
    messages = [*public[:30], *own, *poison, *public[30:]]
    asked = asks_of([*public, *own, poison[0]])
    command = ("hl7", "serve", str(source))
    environment = {"BEDSIDE_HL7_TARGET": f"127.0.0.1:{receiver.port}"}

    with serving(workspace, log, *command, **environment) as process:
        acknowledged = Counter(send(port, one).split(b"MSA|")[1][:2] for one in messages[:25])
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    with serving(workspace, log, *command, **environment) as process:
        acknowledged += Counter(send(port, one).split(b"MSA|")[1][:2] for one in messages[25:])
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    receiver.come()
    with serving(workspace, log, *command, **environment) as process:
        for one in messages[::-1]:  # every sender repeats everything
            send(port, one)
        wait_for(lambda: letters_of(workspace).total() == len(asked))
        hasten(workspace, f"mllp://127.0.0.1:{receiver.port}")
        wait_for(lambda: letters_of(workspace)[LetterState.WAITING] == 0)
        process.terminate()
        assert process.wait(60) == 0

    assert acknowledged == {b"AA": len(messages) - 1, b"AR": 1}
    states = letters_of(workspace)
    assert states == {
        LetterState.SENT: len(asked) - states[LetterState.UNREADABLE],
        LetterState.UNREADABLE: states[LetterState.UNREADABLE],
    }
    assert 1 <= states[LetterState.UNREADABLE] < 10
    entries = entries_of(workspace)
    answers = [one["details"] for one in entries if one["action"] == "answer"]
    assert {one["prediction_id"] for one in answers} == set(receiver.controls)
    assert len(answers) == states[LetterState.SENT], "never two answers for one message"
    # What cannot be asked is told before it is put away, so a kill between the two tells it again.
    told = sum(one["action"] == "hl7.unread" for one in entries)
    assert states[LetterState.UNREADABLE] <= told <= states[LetterState.UNREADABLE] + 2
    scored = [one for one in map(observed, receiver.got) if one["bedside-risk"].text(11) == "F"]
    assert {float(one["bedside-risk"].text(5)) for one in scored} == {0.960834}
    assert "The ledger is whole" in bedside_run(workspace, "ledger", "verify").stdout
    for one in [answers[0], *(a for a in answers if a["outcome"] == "score")]:
        shown = bedside_run(workspace, "prediction", "show", one["prediction_id"])
        assert "Replayed: same bytes" in shown.stdout, shown.stderr
    said = log.read_text() + json.dumps(entries)
    for canary in (CANARY, "4711^^^", *names_in(public)):
        assert canary not in said


def names_in(messages: list[bytes]) -> set[str]:
    """Family names of the public messages' patients that are no words of ours."""
    found = {
        line.split("|")[5].split("^")[0]
        for one in messages
        for line in one.decode().split("\r")
        if line.startswith("PID") and line.count("|") > 5
    }
    return {one for one in found if len(one) > 4}


def test_up_answers_hl7_and_watches_fhir_and_starts_again_what_was_killed(workspace, tmp_path):
    hospital, port, log = the_hospital(), free_port(), tmp_path / "log"
    source, receiver = a_source(tmp_path, "ward_up", port), ReceivingSystem()
    receiver.come()
    environment = {"BEDSIDE_HL7_TARGET": f"127.0.0.1:{receiver.port}"}
    with a_fhir_server_of_its_own() as server:
        server.set(auth=False, live=True)
        config = tmp_path / "up.toml"
        config.write_text(
            f"[serve]\nport = {free_port()}\n\n"
            f'[hl7]\nsource = "{source}"\nanswer = true\n\n'
            f'[[fhir]]\nmodel = "diagnosis"\nserver = "{server.base}"\nevery = "1 s"\n'
        )
        checked = bedside_run(
            workspace, "up", "--config", str(config), "--check", "--json", environment=environment
        )
        assert checked.returncode == 0, checked.stderr
        assert f"bedside hl7 serve {source}" in checked.stdout
        with serving(workspace, log, "up", "--config", str(config), **environment) as process:
            send(port, hospital.admission("up-1"))
            send(port, hospital.results("up-2", hospital.measured()))
            wait_for(lambda: len(receiver.controls) == 2)
            wait_for(lambda: "fhir diagnosis" in log.read_text())
            server.put(*a_page("fhir_hospital").resources())
            wait_for(lambda: server.held("RiskAssessment"))
            for word in (b"hl7", b"watch"):
                victim = child_of(process.pid, word)
                os.kill(victim, signal.SIGKILL)
                wait_for(lambda v=victim: not Path(f"/proc/{v}").exists())
            send(port, hospital.results("up-3", hospital.measured()))
            wait_for(lambda: len(receiver.controls) == 3)
            assert wait_for(lambda: child_of(process.pid, b"watch"))
            process.terminate()
            assert process.wait(60) == 0
        assert len(server.held("RiskAssessment")) == 1
    ended = [one["details"] for one in entries_of(workspace) if one["action"] == "up.ended"]
    assert {"part": "hl7", "status": -9} in ended
    assert {"part": "fhir diagnosis", "status": -9} in ended


def child_of(pid: int, word: bytes) -> int:
    """The child of a process whose command holds a word; 0: none does now."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in map(int, children):
        try:
            if word in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
                return child
        except OSError:
            continue
    return 0


@pytest.mark.parametrize(
    ("old", "new", "target", "problem"),
    [
        ("", "", "", "BEDSIDE_HL7_TARGET"),
        ("", "", "10.0.0.7:2576", "in clear"),
        ("{port:", "{host: 0.0.0.0, port:", "127.0.0.1:2576", "without asking who sends"),
    ],
)
def test_what_would_be_open_is_refused_before_it_listens(
    workspace, tmp_path, monkeypatch, old, new, target, problem
):
    file = a_source(tmp_path, "ward_open", free_port()) / "source.yaml"
    file.write_text(file.read_text().replace(old, new) if old else file.read_text())
    monkeypatch.setenv("BEDSIDE_HL7_TARGET", target)
    platform = open_workspace(workspace, actor=actor_of("test", "test"), progress=LineProgress())

    with pytest.raises(Invalid, match=problem):
        check_answering(platform, load_source(file))


def test_a_workspace_in_which_nothing_is_released_is_refused(workspace, tmp_path, monkeypatch):
    file = a_source(tmp_path, "ward_mute", free_port()) / "source.yaml"
    monkeypatch.setenv("BEDSIDE_HL7_TARGET", "127.0.0.1:2576")
    platform = open_workspace(tmp_path / "w", actor=actor_of("t", "t"), progress=LineProgress())

    with pytest.raises(Refused) as refused:
        check_answering(platform, load_source(file))

    assert refused.value.code == "nothing_released"
