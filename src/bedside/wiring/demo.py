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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from bedside.core.errors import Refused, Unavailable
from bedside.core.ids import stable_share, subject_pseudonym
from bedside.core.records.bundle import MODEL
from bedside.core.records.version import ModelVersion, Stage
from bedside.data.collect.bundled import breast_cancer
from bedside.infra.database.opening import open_database, writing
from bedside.lifecycle.build import build
from bedside.lifecycle.package import load_declaration
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import approve, release
from bedside.lifecycle.respond import watch
from bedside.usecases import folder_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.server import token_digest_of
from bedside.wiring.workspace import actor_of, open_workspace

__all__ = ["run_demo"]

PATIENCE = 60.0  # seconds to wait for the server


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
        release(platform, version.id, Stage.LIVE)
        _say(f"{version.id} is live.")
        _answers(platform)
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
            "The release", "not_approved", lambda: release(platform, version.id, Stage.LIVE)
        )


def _tampered(platform: Platform, version: ModelVersion) -> None:
    _say("Someone changes one byte of the packaged model:")
    model = platform.bundles / version.bundle / MODEL
    whole = model.read_bytes()
    model.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    try:
        _must_refuse(
            "The bundle", "bundle_tampered", lambda: release(platform, version.id, Stage.LIVE)
        )
    finally:
        model.write_bytes(whole)


def _answers(platform: Platform) -> None:
    _say("Serve on loopback, and ask about one aspirate:")
    _, token = token_digest_of(platform.folder, renew=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(  # noqa: S603  (our own command)
        [
            str(Path(sys.executable).with_name("bedside")),
            "serve",
            "--workspace",
            str(platform.folder),
            "--port",
            str(port),
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        base = f"http://127.0.0.1:{port}"
        _until_up(f"{base}/v2/health/live", server)
        declaration, _ = load_declaration(folder_of("diagnosis"))
        row = breast_cancer().row(0, named=True)
        inputs = [
            {"name": name, "shape": [1], "datatype": "FP64", "data": [row[signal.column]]}
            for name, signal in declaration.signals.items()
            if signal.role == "input"
        ]
        url = f"{base}/v2/models/diagnosis/infer"
        answer = _post(url, {"inputs": inputs}, token)
        outputs = {o["name"]: o["data"][0] for o in answer["outputs"]}
        print(f"  outcome {outputs['outcome']}, risk {outputs['risk']:.3f}, because:")
        for reason in answer["parameters"]["reasons"][:3]:
            print(f"    {reason['text'] if isinstance(reason, dict) else reason}")
        missing = _post(url, {"inputs": inputs[1:]}, token)
        said = missing["parameters"]
        print(f"  without one measurement: {said['reason']}: {said['text']}")
        print(f"  without the token: HTTP {_status(url, {'inputs': inputs})}")
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE)


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


def _watched(platform: Platform, version: ModelVersion) -> None:
    declaration, _ = load_declaration(folder_of("diagnosis"))
    split, salt = declaration.evaluation.split, declaration.data.pseudonym_salt
    cases = breast_cancer()
    held = [
        stable_share(str(subject_pseudonym(case, salt=salt)), salt=split.salt)
        >= split.train + split.tuning
        for case in cases["case"]
    ]
    later = cases.filter(pl.Series(held))
    _say("Monitor the held-out cases as they are, then from a microscope that magnifies by 30 %:")
    sizes = [name for name in cases.columns if "radius" in name or "perimeter" in name]
    for name, table in (
        ("as_they_are", later),
        ("magnified", later.with_columns(pl.col(sizes) * 1.3)),
    ):
        with tempfile.TemporaryDirectory(prefix="bedside-incoming-") as incoming:
            path = Path(incoming) / f"{name}.parquet"
            table.write_parquet(path)
            report, _ = watch(platform, version.id, path)
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
