"""The life of a workspace on planted sources, in a process without any way out of this machine.

`python planted_life.py FOLDER`: what is left lies in FOLDER's `w`, `d`, `home`, `tmp`, `here` and
`released`, and all that was said, with what was answered over HTTP and MLLP, in `said`.
"""

import errno
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bedside.data.collect.bundled import breast_cancer
from bedside.interop.hl7v2.framing import framed
from loopback import free_port
from planted_sources import ORIGINS, a_canary, a_message, a_number, a_patient, a_request, a_world
from warm_start import warm_bedside

__all__ = ["LEFT", "SAID", "Life"]

LEFT = ("w", "d", "home", "tmp", "here", "released")
SAID = "said"
SCOPES = ("describe", "infer", "feedback", "observe")
MODES = (
    ("safe_harbor", ("--attested-by", "A. Privacy")),
    ("expert", ("--dossier", "dossier.html")),
    ("limited_dataset", ("--agreement", "DUA 7")),
)
BY = ("--name", "Dr Ada Example", "--meaning", "for this test")
WITHOUT = ("--without-evidence", "nobody is treated")


@dataclass(slots=True)
class Life:
    """One sandbox; every command's words, exit code and text are kept."""

    folder: Path
    world: dict[str, Path] = field(default_factory=dict)
    port: int = 0
    codes: list[dict[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in (*LEFT, SAID):
            (self.folder / name).mkdir()
        home, scratch = str(self.folder / "home"), str(self.folder / "tmp")
        xdg = {f"XDG_{one}_HOME": f"{home}/{one}" for one in ("CACHE", "CONFIG", "DATA", "STATE")}
        os.environ.update(
            xdg, HOME=home, TMPDIR=scratch, TMP=scratch, TEMP=scratch, XDG_RUNTIME_DIR=scratch,
            PYTHONWARNINGS="default", PYTHONFAULTHANDLER="1", BEDSIDE_LOG_LEVEL="debug",
        )  # fmt: skip
        tempfile.tempdir = None
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(self.folder / "here")
        self.port = free_port()
        self.world = a_world(self.folder / "sources", self.port)

    def keep(self, label: str, text: str | bytes) -> None:
        """Keep what was said."""
        octets = text if isinstance(text, bytes) else text.encode()
        (self.folder / SAID / f"{label}.txt").write_bytes(octets)

    def run(self, label: str, *words: str | Path, into: str = "d", fails: bool = False) -> str:
        """One command, of which it is said whether it has to fail."""
        began = time.monotonic()
        done = subprocess.run(
            [warm_bedside() / "bedside", *map(str, words), "--workspace", self.folder / into],
            capture_output=True,
            timeout=120,
            check=False,
        )
        self.keep(f"{label}.out", done.stdout)
        self.keep(f"{label}.err", done.stderr)
        self.codes.append(
            {
                "label": label, "fails": fails, "code": done.returncode,
                "seconds": round(time.monotonic() - began, 2),
                "traceback": b"Traceback (most recent call last)" in done.stderr,
            }
        )  # fmt: skip
        return done.stdout.decode()

    # The model: built, refused, released, asked, exported.

    def model(self) -> None:
        """Everything about the model, in the workspace `w`."""
        folder = self.world["model"]
        data = folder / "biopsies.csv"
        self.run("build", "build", folder, "--data", folder, into="w")
        for label, words in {
            "leakage": ("leakage", folder, "--data", folder),
            "data list": ("data", "list"),
            "data show": ("data", "show", "diagnosis/prepared"),
            "versions": ("versions",),
            "documents": ("documents", "diagnosis"),
            "evaluate": ("evaluate", "diagnosis", "--data", folder, "--only-part", "case_mix"),
            "score": ("score", "diagnosis", "--data", folder, "--purpose", "validation"),
            "approve silent": ("approve", "diagnosis", *BY),
            "release silent": ("release", "diagnosis", "--stage", "silent"),
            "approve live": ("approve", "diagnosis", "--for", "live", *BY, *WITHOUT),
            "release live": ("release", "diagnosis", "--stage", "live", *WITHOUT),
            "monitor": ("monitor", "diagnosis", "--data", data),
        }.items():
            self.run(label, *words, into="w")
        wrong, bad = folder / "wrong", self.world["bad"]
        for label, words in {
            "release too early": ("release", "diagnosis", "--stage", "canary"),
            "build on wrong cells": ("build", folder, "--data", wrong),
            "score a broken file": ("score", "diagnosis", "--data", bad / "cut.csv"),
            "replay a broken file": ("replay", "diagnosis", "--data", bad / "cut.csv"),
            "build a broken declaration": ("build", bad),
            "show a patient as a version": ("versions", a_canary("an argument")),
            "show an unknown prediction": ("prediction", "show", a_canary("a prediction's id")),
        }.items():
            self.run(label, *words, into="w", fails=True)
        self.run(
            "monitor on wrong cells",
            "monitor",
            "diagnosis",
            "--data",
            wrong / "biopsies.csv",
            into="w",
        )
        self.served()
        self.heard()
        self.told()

    def told(self) -> None:
        """What is exported of a life, and an erasure."""
        out = self.folder / "released"
        listed = json.loads(self.run("prediction list", "prediction", "list", "--json", into="w"))
        first = listed["predictions"][0]["prediction_id"]
        self.run("prediction show", "prediction", "show", first, into="w")
        case = a_canary("the case of the model's table")
        limited = ("prediction", "export", "diagnosis", "--mode", "limited_dataset")
        for label, words in {
            "lineage": ("data", "lineage", first),
            "prediction export": (*limited, "--to", out / "predictions.parquet"),
            "outcomes": ("prediction", "outcomes", "diagnosis", "--data", self.world["model"]),
            "disclosures": ("ledger", "disclosures", "--subject", f"{case}-3"),
            "consent record": ("consent", "record", f"{case}-3", "--said", "deny"),
            "consent list": ("consent", "list"),
            "data erase": ("data", "erase", f"{case}-{breast_cancer()['case'][5]}"),
            "hl7 outbox": ("hl7", "outbox", "--all"),
            "export a model": ("export", "diagnosis", "--to", out / "mlflow"),
            "policy list": ("policy", "list"),
            "policy explain": ("policy", "explain", "user:ben", "develop", "--model", "diagnosis"),
            "history": ("history", "diagnosis"),
            "ledger show": ("ledger", "show", "--json"),
            "ledger bundle": ("ledger", "export", out / "ledger"),
            "ledger fhir": ("ledger", "export", out / "ledger.json", "--as", "fhir"),
            "ledger prov": ("ledger", "export", out / "prov.json", "--as", "prov"),
            "backup": ("backup", out / "backup"),
        }.items():
            self.run(label, *words, into="w")
        self.run("grant", "access", "grant", "user:boss", "administrator", into="w")
        for label, words in {
            "refused by policy": ("data", "show", "diagnosis/prepared", "--actor", "nobody"),
            "erase nobody": ("data", "erase", a_canary("a subject that is unknown")),
        }.items():
            self.run(label, *words, into="w", fails=True)

    def served(self) -> None:
        """A server that is asked well and badly, scraped, and stopped."""
        told = self.run(
            "access add", "access", "add", "ehr", "--json",
            *(w for one in SCOPES for w in ("--scope", f"{one}/*")),
            into="w",
        )  # fmt: skip
        port, token = free_port(), json.loads(told)["token"]
        (self.folder / SAID / "access add.out.txt").unlink()  # the token alone
        with Serving(self, "serve", "serve", "--port", str(port)) as server:
            base = f"http://127.0.0.1:{port}"
            server.wait(lambda: httpx.get(f"{base}/v2/health/live").is_success)
            for number, (method, path, parts) in enumerate(questions()):
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                headers |= parts.pop("headers", {})  # type: ignore[arg-type]
                answer = httpx.request(method, base + path, headers=headers, timeout=30, **parts)  # type: ignore[arg-type]
                said = f"{answer.status_code}\n{answer.headers}\n".encode() + answer.content
                self.keep(f"http {number:02d}", said)

    def heard(self) -> None:
        """A listener that answers HL7 v2, and is sent poison."""
        os.environ["BEDSIDE_HL7_TARGET"] = f"127.0.0.1:{free_port()}"
        with Serving(self, "hl7", "hl7", "serve", str(self.world["feed"])) as server:
            server.wait(lambda: socket.create_connection(("127.0.0.1", self.port)).close() is None)
            for number, content in enumerate(poison()):
                self.keep(f"mllp {number:02d}", sent(self.port, content))
            time.sleep(1.5)

    # The sources: collected, judged, released without names.

    def sources(self) -> None:
        """Every source and every release, in the workspace `d`."""
        world = self.world
        for name, shipped in {
            "ward": "", "bulk": "synthea_bulk", "fhir": "synthea_fhir_r4",
            "hl7": "hl7v2_messages", "ccda": "ccda_samples", "omop": "omop_synthea27nj",
        }.items():  # fmt: skip
            source = world["declared"] / f"{shipped}.yaml" if shipped else world["ward"]
            data = ("--data", world[name])
            self.run(f"collect {name}", "data", "collect", source, *data)
            self.run(f"quality {name}", "data", "quality", source)
            self.run(f"quarantine {name}", "data", "quarantine", source, "--json")
            bad = ("data", "collect", shipped or source, "--data", world["bad"])
            self.run(f"collect broken {name}", *bad, fails=True)
        self.run("data list of sources", "data", "list", "--all")
        for mode, more in MODES:
            self.released(mode, more)
        self.unreadable()
        self.run("ledger of sources", "ledger", "show", "--json")

    def released(self, mode: str, more: Sequence[str]) -> None:
        """Each kind of file, and each data set, in one mode."""
        world, out = self.world, self.folder / "released"
        if mode == "expert":
            (self.folder / "here" / "dossier.html").write_text("<p>A finding.</p>")
        table = ("--subject", "id", "--column", "when=date")
        files = {
            "fhir": (world["fhir"],), "bulk": (world["bulk"],), "hl7": (world["hl7"],),
            "omop": (world["omop"],), "table": (next(world["ward"].glob("X*.csv")), *table),
        }  # fmt: skip
        for kind, words in files.items():
            command = "fhir" if kind == "bulk" else kind
            at = ("--mode", mode, "--out", out / f"{kind} {mode}", *more)
            self.run(f"deid {kind} {mode}", "deid", command, *words, *at)
        at = ("--mode", mode, "--out")
        known = ("--language", "en", "--known", world["notes"] / "known.jsonl")
        text = ("deid", "text", world["notes"] / "notes", *known, *at, out / f"text {mode}")
        self.run(f"deid text {mode}", *text, *more)
        dicom = ("deid", "dicom", world["dicom"], *at, out / f"dicom {mode}")
        self.run(f"deid dicom {mode}", *dicom, *more)
        for name in ("ward", "synthea_bulk"):
            data = ("deid", "data", f"{name}/prepared", "--mode", mode, "--project", "p", *more)
            self.run(f"deid data {name} {mode}", *data)

    def unreadable(self) -> None:
        """What no parser reads, and what no mode allows."""
        world, out = self.world, self.folder / "released"
        mode = ("--mode", "safe_harbor", *MODES[0][1])
        for number, path in enumerate(sorted(world["bad"].iterdir())):
            kind = {
                "csv": "table", "parquet": "table", "json": "fhir", "ndjson": "fhir", "zip": "fhir",
                "hl7": "hl7", "gz": "omop",
            }.get(path.suffix[1:])  # fmt: skip
            if kind:
                to = ("--out", out / f"bad {path.name}")
                more = ("--subject", "id") if kind == "table" else ()
                words = ("deid", kind, path, *mode, *to, *more)
                self.run(f"deid bad {number:02d}", *words, fails=True)
        word = a_canary("an option")
        for label, words in {
            "a table without its column": (
                "deid", "table", next(world["ward"].glob("X*.csv")), *mode, "--subject", word,
                "--out", out / "none",
            ),
            "no such mode": ("deid", "hl7", world["hl7"], "--mode", word, "--out", out / "none"),
            "no such data set": ("deid", "data", word, *mode, "--project", "p"),
            "policy of nonsense": ("policy", "add", world["bad"] / "cut.cedar", "--decision", "m"),
            "decisions of nonsense": ("policy", "test", world["bad"] / "cut.yaml"),
            "risk of nonsense": ("deid", "risk", world["bad"] / "cut.csv", "--quasi", word),
            "train on nonsense": ("deid", "train", world["bad"], "--language", "en"),
            "no such source": ("data", "collect", world["bad"], "--data", world["bad"]),
        }.items():  # fmt: skip
            self.run(label, *words, fails=True)


@dataclass(slots=True)
class Serving:
    """A command that runs until the end of the block."""

    life: Life
    label: str
    words: tuple[str, ...]
    process: "subprocess.Popen[bytes]"

    def __init__(self, life: Life, label: str, *words: str) -> None:
        self.life, self.label, self.words = life, label, words
        log = (life.folder / SAID / f"{label}.log.txt").open("wb")
        with log:
            self.process = subprocess.Popen(
                [warm_bedside() / "bedside", *words, "--workspace", life.folder / "w"],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> "Serving":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        code = self.process.wait(60)
        self.life.codes.append({"label": self.label, "fails": False, "code": code, "seconds": 0.0})

    def wait(self, ready: object) -> None:
        """Until it answers."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if ready():  # type: ignore[operator]
                    return
            except (OSError, httpx.TransportError):
                time.sleep(0.05)
        raise TimeoutError(f"{self.label} did not start")


def questions() -> list[tuple[str, str, dict[str, object]]]:
    """What is asked of the server, rightly and with canaries where nobody expects them."""
    infer, good = "/v2/models/diagnosis/infer", a_request()
    inputs, told = good["inputs"], good["parameters"]
    assert isinstance(inputs, list)
    assert isinstance(told, dict)
    word = {n: a_canary(f"{n} of a request") for n in ("a name", "a type", "a number", "a moment",
            "a shape", "a key", "a parameter", "the path", "the query", "a header", "the body",
            "a token", "a host", "a CDS hook", "a CDS context", "a FHIR parameter", "feedback",
            "a service", "the method", "a cookie", "an origin")}  # fmt: skip
    large = float(a_number("a value of a request"))
    wrong: list[dict[str, object]] = [
        good | {"inputs": [*inputs, inputs[0] | {"name": word["a name"]}]},
        good | {"inputs": [inputs[0] | {"datatype": word["a type"]}, *inputs[1:]]},
        good | {"inputs": [inputs[0] | {"data": [word["a number"]]}, *inputs[1:]]},
        good | {"inputs": [inputs[0] | {"shape": [word["a shape"]]}, *inputs[1:]]},
        good | {"inputs": word["a name"]},
        good | {"parameters": told | {"as_of": word["a moment"]}},
        good | {"parameters": told | {word["a key"]: word["a parameter"]}},
        good | {"parameters": told | {"subject": [word["a parameter"]]}},
        good | {word["a key"]: word["a parameter"]},
        good | {"inputs": [inputs[0] | {"data": [large]}, *inputs[1:]]},
        {"inputs": [], "parameters": told},
    ]  # fmt: skip
    patient = {"patientId": word["a CDS context"]}
    hook: dict[str, object] = {
        "hook": word["a CDS hook"], "hookInstance": "x", "context": patient,
        "prefetch": {"patient": a_patient(), word["a key"]: word["a parameter"]},
    }  # fmt: skip
    view = hook | {
        "hook": "patient-view", "hookInstance": "7f6f4a3e-5d0b-4c5e-9a36-0f7a6d7a4b11",
        "context": patient | {"userId": f"Practitioner/{word['a CDS context']}"},
    }  # fmt: skip
    told_back = {"card": word["feedback"], "outcome": word["feedback"]}
    cds = "/cds-services/breast-mass-malignancy"
    given = {"resourceType": "Parameters", "parameter": [
        {"name": word["a FHIR parameter"], "valueString": word["a parameter"]},
        {"name": "resource", "resource": a_patient()},
    ]}  # fmt: skip
    body = word["the body"].encode()
    return [
        ("POST", infer, {"json": good}),
        *[("POST", infer, {"json": one}) for one in wrong],
        *[("POST", infer, {"content": one}) for one in (
            body, b'{"' + body, b"\xff\xfe" + body, b"[" * 2000 + body, b'{"inputs": ' + body,
            b"")],
        ("POST", infer, {"json": good, "headers": {"Content-Type": word["a header"]}}),
        ("POST", infer, {"json": good, "headers": {"Content-Encoding": "gzip"}}),
        ("POST", infer, {"json": good, "headers": {"Authorization": f"Bearer {word['a token']}"}}),
        ("POST", infer, {"json": good, "headers": {"Authorization": word["a token"]}}),
        ("POST", infer, {"json": good, "headers": {"Host": word["a host"]}}),
        ("POST", infer, {"json": good, "headers": {"Origin": f"https://{word['an origin']}"}}),
        ("POST", infer, {"json": good, "headers": {"Cookie": f"s={word['a cookie']}"}}),
        ("GET", f"/v2/models/{word['the path']}", {}),
        ("GET", f"/v2/models/diagnosis/versions/{word['the path']}", {}),
        ("GET", f"/{word['the path']}?{word['the query']}={word['the query']}", {}),
        (word["the method"].upper(), infer, {}),
        *[("POST", cds, {"json": one}) for one in (hook, view, [word["the body"]])],
        ("POST", f"/cds-services/{word['a service']}", {"json": view}),
        ("POST", f"{cds}/feedback", {"json": {"feedback": [told_back]}}),
        ("POST", f"/fhir/Patient/{word['the path']}/$predict", {"json": given}),
        ("POST", f"/fhir/Patient/{word['the path']}/$predict", {"content": body}),
        ("GET", "/models/diagnosis/card", {}),
        ("GET", "/openapi.json", {}),
        ("GET", "/metrics", {}),
    ]  # fmt: skip


def poison() -> list[bytes]:
    """Messages as a ward sends them, and as it should not."""
    good = a_message("ADT^A01", "live-1"), a_message(
        "ORU^R01", "live-2", "OBR|1||F1|FNA^^99LAB",
        f"OBX|1|NM|718-7^x^LN||{a_canary('OBX-5 to the listener')}|g|||||F",
    )  # fmt: skip
    word = a_canary("a frame to the listener")
    return [
        *(framed(one.encode()) for one in good),
        framed(f"PID|{word}".encode()),
        framed(f"MSH|^~\\&|{word}".encode()),
        framed(good[0].replace("ADT^A01", f"{word}^{word}").encode()),
        framed(good[0].replace("20260131080000+0000", word).encode()),
        framed(good[0].replace("2.5.1", word).encode()),
        framed(b"\xff\x00" + word.encode()),
        f"GET /{word} HTTP/1.1\r\nHost: {word}\r\n\r\n".encode(),
        b"\x0b" + word.encode(),
    ]


def sent(port: int, content: bytes) -> bytes:
    """What the listener says to it within a second."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(content)
        line.settimeout(1.0)
        try:
            return line.recv(65_536)
        except OSError:
            return b""


def no_way_out() -> str:
    """The name of the error with which a connection to the world ends."""
    with socket.socket() as line:
        line.settimeout(2)
        return errno.errorcode.get(line.connect_ex(("1.1.1.1", 443)), "it was let out")


def main(folder: Path) -> None:
    """The whole life, in two threads."""
    life = Life(folder)
    warm_bedside()
    failed: list[BaseException] = []

    def lane(work: object) -> None:
        try:
            work()  # type: ignore[operator]
        except BaseException as error:
            failed.append(error)
            raise

    beside = threading.Thread(target=lane, args=(life.sources,))
    beside.start()
    lane(life.model)
    beside.join()
    report = {"egress": no_way_out(), "codes": life.codes, "origins": ORIGINS}
    (folder / "report.json").write_text(json.dumps(report, indent=1))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
