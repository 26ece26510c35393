"""The demonstration: a real model's whole life on breast biopsies, every refusal included."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from bedside.core.errors import Refused, Unavailable
from bedside.core.ids import stable_share, subject_pseudonym
from bedside.core.records.bundle import MODEL
from bedside.core.records.version import ModelVersion, Stage
from bedside.data.collect.bundled import breast_cancer
from bedside.deploy.rollout.wording import figure_words
from bedside.infra.database.opening import open_database, writing
from bedside.lifecycle.build import build
from bedside.lifecycle.package import load_declaration
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.predictions import outcomes
from bedside.lifecycle.release import approve, live_case, release
from bedside.lifecycle.respond import watch
from bedside.lifecycle.rollout import rollback, rollout_of
from bedside.usecases import folder_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.server import token_digest_of
from bedside.wiring.workspace import actor_of, open_workspace

__all__ = ["run_demo"]

PATIENCE = 60.0  # seconds to wait for the server
AS_OF = "2000-01-01T00:00:00Z"  # when every aspirate of the table was taken
T = TypeVar("T")


def run_demo(keep: Path | None) -> None:
    """Tell the story step by step; leave nothing behind unless `keep` names a folder.

    Raises:
        Unavailable: a step did not show what it must.
    """
    began = time.perf_counter()
    with _folder(keep) as folder:
        platform = open_workspace(
            folder, actor=actor_of(None, "demonstration"), progress=LineProgress()
        )
        version = _build(platform)
        _refused_before_approval(platform, version)
        approve(platform, version.id, name="Dr Ada Example", meaning="fit for the demonstration")
        _say("A person approves it, with name, time and meaning. Recorded.")
        _tampered(platform, version)
        release(platform, version.id, Stage.SILENT)
        with _served(platform) as served:
            _silent(platform, version, served)
            _live(platform, version, served)
            _answers(served)
            _rolled_back(platform, version, served)
        _watched(platform, version)
        _ledger(platform)
    _say(f"Done in {time.perf_counter() - began:.0f} s. Try next:")
    print(
        "  bedside build early_warning --data FOLDER   sepsis, hour by hour, on PhysioNet 2019\n"
        "  bedside build diagnosis && bedside versions   your own workspace\n"
        "  bedside demo --keep DIR                       keep everything and look inside"
    )


def _say(text: str) -> None:
    print(f"\n■ {text}", flush=True)


def _must_refuse(what: str, code: str, act: Any) -> None:
    try:
        act()
    except Refused as refusal:
        if refusal.code != code:
            raise
        print(f"  refused, as it must be: {refusal}", flush=True)
        return
    raise Unavailable(f"{what} was not refused.", fix="report this as a defect.")


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep
        print(f"\nThe workspace is kept in {keep}.")
        return
    with tempfile.TemporaryDirectory(prefix="bedside-demo-") as name:
        yield Path(name)


def _build(platform: Platform) -> ModelVersion:
    _say("Build: 569 real biopsies become events, features, a judged model, a sealed bundle.")
    built = build(platform, folder_of("diagnosis"), None)
    for name in ("auroc", "brier", "sensitivity"):
        f = built.evidence["metrics"][name]
        print(f"  {name:<12} {f['estimate']:.3f} ({f['low']:.3f} to {f['high']:.3f})")
    for gate in built.version.gates:
        print(f"  {'✓' if gate.passed else '✗'} {gate.text}")
    return built.version


def _refused_before_approval(platform: Platform, version: ModelVersion) -> None:
    _say("Release before anyone approved:")
    if version.approval is None:
        _must_refuse(
            "The release", "not_approved", lambda: release(platform, version.id, Stage.SILENT)
        )


def _tampered(platform: Platform, version: ModelVersion) -> None:
    _say("Someone changes one byte of the packaged model:")
    model = platform.bundles / version.bundle / MODEL
    whole = model.read_bytes()
    model.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    try:
        _must_refuse(
            "The bundle", "bundle_tampered", lambda: release(platform, version.id, Stage.SILENT)
        )
    finally:
        model.write_bytes(whole)


@dataclass(frozen=True, slots=True)
class _Served:
    """The server that runs beside us, and how a wire asks it."""

    base: str
    token: str
    signals: dict[str, str]

    @property
    def url(self) -> str:
        return f"{self.base}/v2/models/diagnosis/infer"

    def request(self, row: Mapping[str, Any], *, without: str = "") -> dict[str, Any]:
        """One biopsy as a request of the Open Inference Protocol."""
        inputs = [
            {"name": name, "shape": [1], "datatype": "FP64", "data": [row[column]]}
            for name, column in self.signals.items()
            if name != without
        ]
        return {"inputs": inputs, "parameters": {"subject": row["case"], "as_of": AS_OF}}

    def ask(self, row: Mapping[str, Any], *, without: str = "") -> dict[str, Any]:
        return _post(self.url, self.request(row, without=without), self.token)


@contextmanager
def _served(platform: Platform) -> Iterator[_Served]:
    _, token = token_digest_of(platform.folder, renew=True)
    declaration, _ = load_declaration(folder_of("diagnosis"))
    signals = {n: one.column for n, one in declaration.signals.items() if one.role == "input"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("bedside")), "serve"]
    command += ["--workspace", str(platform.folder), "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603  (our own command)
    try:
        served = _Served(f"http://127.0.0.1:{port}", token or "", signals)
        _until_up(f"{served.base}/v2/health/live", server)
        yield served
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE)


def _silent(platform: Platform, version: ModelVersion, served: _Served) -> None:
    later = _held_out()
    _say(f"Silent: {later.height} biopsies that it never saw are asked over HTTP, shown to nobody.")
    _must_refuse(
        "Going live without evidence",
        "live_gates",
        lambda: release(platform, version.id, Stage.LIVE),
    )
    answers = [served.ask(row) for row in later.iter_rows(named=True)]
    withheld = sum(_is_withheld(one) for one in answers)
    print(f"  {withheld} of {len(answers)} answers are in the ledger and withheld from the asker")
    if withheld != len(answers):
        raise Unavailable("A silent answer was shown.", fix="report this as a defect.")
    found = _with_file("histology", later, lambda path: outcomes(platform, version.id, path))
    print(f"  then histology comes: the outcome of {found.judged} of them is known")


def _live(platform: Platform, version: ModelVersion, served: _Served) -> None:
    _say("Live gates, judged on what it answered in silence:")
    case = live_case(platform, version)
    for gate in case.judged(Stage.LIVE):
        print(f"  {'✓' if gate.state == 'passed' else '✗'} {gate.text}")
    figure = case.evidence["figures"]["auroc"]
    print(f"    AUROC in silence: {figure_words('auroc', figure)}")
    _must_refuse(
        "Going live on the first approval",
        "step_not_approved",
        lambda: release(platform, version.id, Stage.LIVE),
    )
    meaning = "fit to be shown, on this evidence"
    approve(platform, version.id, name="Dr Ada Example", meaning=meaning, step=Stage.LIVE)
    release(platform, version.id, Stage.LIVE)
    row = _held_out().row(0, named=True)
    took = _until(lambda: not _is_withheld(served.ask(row)))
    print(f"  approved for live on this evidence, and shown {took:.1f} s later, nothing restarted")


def _answers(served: _Served) -> None:
    _say("It is live. One aspirate is asked about:")
    row = breast_cancer().row(0, named=True)
    answer = served.ask(row)
    outputs = {o["name"]: o["data"][0] for o in answer["outputs"]}
    print(f"  outcome {outputs['outcome']}, risk {outputs['risk']:.3f}, because:")
    for reason in answer["parameters"]["reasons"][:3]:
        print(f"    {reason['text'] if isinstance(reason, dict) else reason}")
    said = served.ask(row, without=next(iter(served.signals)))["parameters"]
    print(f"  without one measurement: {said['reason']}: {said['text']}")
    print(f"  without the token: HTTP {_status(served.url, served.request(row))}")


def _rolled_back(platform: Platform, version: ModelVersion, served: _Served) -> None:
    _say("One command takes it back:")
    taken = rollback(platform, version.name, reason="shown in the demonstration")
    row = _held_out().row(0, named=True)
    took = _until(lambda: _is_withheld(served.ask(row)))
    print(f"  {taken.version} is silent; {took:.1f} s later the server shows nobody anything")
    told = rollout_of(platform, version.name)
    for entry in told["history"]:
        what = entry.get("step") or entry.get("stage") or Stage.SILENT
        print(f"    {entry['at'][11:19]} UTC  {entry['action']:<16} {what}")


def _is_withheld(answer: dict[str, Any]) -> bool:
    """Whether nobody is shown the answer, though one was made."""
    told = {o["name"]: o["data"][0] for o in answer["outputs"]}
    return bool(told["outcome"] == "withheld")


def _until(happened: Callable[[], bool]) -> float:
    """How many seconds it took until this was so."""
    began = time.monotonic()
    while not happened():
        if time.monotonic() - began > PATIENCE:
            raise Unavailable("The server did not follow.", fix="report this as a defect.")
        time.sleep(0.05)
    return time.monotonic() - began


def _until_up(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  (loopback)
                return
        except OSError:
            time.sleep(0.1)
    raise Unavailable("The server did not start.", fix="run bedside serve and read its error.")


def _post(url: str, body: dict[str, Any], token: str | None) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        answer: dict[str, Any] = json.loads(response.read())
    return answer


def _status(url: str, body: dict[str, Any]) -> int:
    try:
        _post(url, body, None)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def _held_out() -> pl.DataFrame:
    """The biopsies of patients on whom the model was neither fitted nor tuned."""
    declaration, _ = load_declaration(folder_of("diagnosis"))
    split, salt = declaration.evaluation.split, declaration.data.pseudonym_salt
    cases = breast_cancer()
    held = [
        stable_share(str(subject_pseudonym(case, salt=salt)), salt=split.salt)
        >= split.train + split.tuning
        for case in cases["case"]
    ]
    return cases.filter(pl.Series(held))


def _with_file(name: str, table: pl.DataFrame, work: Callable[[Path], T]) -> T:
    with tempfile.TemporaryDirectory(prefix="bedside-incoming-") as incoming:
        path = Path(incoming) / f"{name}.parquet"
        table.write_parquet(path)
        return work(path)


def _watched(platform: Platform, version: ModelVersion) -> None:
    later = _held_out()
    _say("Monitor the held-out cases as they are, then from a microscope that magnifies by 30 %:")
    sizes = [name for name in later.columns if "radius" in name or "perimeter" in name]
    for name, table in (
        ("as_they_are", later),
        ("magnified", later.with_columns(pl.col(sizes) * 1.3)),
    ):
        report, _ = _with_file(name, table, lambda path: watch(platform, version.id, path))
        print(f"  {name}: {report['status']}, {len(report['findings'])} findings")
        for finding in report["findings"][:2]:
            print(f"    {finding['text']}")
        if (report["status"] == "moved") != (name == "magnified"):
            raise Unavailable("Monitoring did not say what it must.", fix="report this defect.")


def _ledger(platform: Platform) -> None:
    _say("The ledger of all this:")
    faults = platform.ledger.verify()
    entries = sum(1 for _ in platform.ledger.entries())
    print(f"  {entries} entries, {'whole' if not faults else faults[0].text}")
    copy = platform.folder.parent / f"{platform.folder.name}-edited"
    shutil.copytree(platform.folder, copy)
    try:
        with writing(open_database(copy / "bedside.sqlite")) as database:
            database.exec_driver_sql("UPDATE ledger SET actor = 'another' WHERE sequence = 2")
        edited = open_workspace(copy, actor=platform.actor, progress=LineProgress())
        found = edited.ledger.verify()
        if not found:
            raise Unavailable("An edited ledger was not found.", fix="report this as a defect.")
        print(f"  a copy with one edited row: {found[0].text}")
    finally:
        shutil.rmtree(copy)
