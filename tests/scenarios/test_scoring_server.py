"""A server that only scores: no training library, a release that is only read, secrets in files."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager, redirect_stdout
from importlib.metadata import packages_distributions
from io import StringIO

import pytest

from bedside.deploy.export.source import ENTRY
from bedside.deploy.package.scoring_install import scoring_libraries
from bedside.lifecycle.deploying import export_version
from bedside.serve.auth import token_digest
from bedside.wiring.images import image_builder
from bedside.wiring.scoring import main
from exported import TOKEN, a_live_version, a_request

pytestmark = pytest.mark.xdist_group("scoring_server")  # its fixtures are made once

TRAINING = {
    "lightgbm", "sklearn", "scipy", "polars", "pyarrow", "fairlearn", "interpret", "optuna",
    "imblearn", "onnx", "pandas", "joblib", "jinja2", "typer", "jsonschema",
}  # fmt: skip


def absent_from_a_scoring_install():
    """Every module installed here that is of none of its libraries."""
    known = {one.name for one in scoring_libraries()} | {"bedside"}
    for name, projects in packages_distributions().items():
        normal = {re.sub(r"[-_.]+", "-", one).lower() for one in projects}
        if not normal & known and not name.startswith("_"):
            yield name


REFUSED = sorted(absent_from_a_scoring_install())
HOOK = f"""
import os, sys, threading, time
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {REFUSED!r}:
            raise ModuleNotFoundError(f"a scoring install has no {{name}}")
sys.meta_path.insert(0, Refuse())
from bedside.wiring.scoring import main
import bedside
def told():
    while not os.path.exists(os.environ["ASKED"]):
        time.sleep(0.05)
    names = sorted({{name.split(".")[0] for name in sys.modules}})
    with open(os.environ["LOADED"] + ".part", "w") as file:
        file.write(" ".join([bedside.__file__, *names]))
    os.rename(os.environ["LOADED"] + ".part", os.environ["LOADED"])
threading.Thread(target=told, daemon=True).start()
raise SystemExit(main())
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A live version, written as a folder."""
    place = tmp_path_factory.mktemp("hospital")
    platform, version = a_live_version(place)
    export_version(platform, version, place / "out", ["containerfile"], builder=image_builder())
    return place / "out"


def variables(exported, folder):
    (folder / "token").write_text(token_digest(TOKEN))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "PYTHONPATH": str(exported / "app"),
        "NUMBA_CACHE_DIR": str(exported.parent / "compiled"),
        "OMP_NUM_THREADS": "1",
        "ASKED": str(folder / "asked"),
        "LOADED": str(folder / "loaded"),
        "BEDSIDE_RELEASE": str(exported / "release"),
        "BEDSIDE_STATE": str(folder / "state"),
        "BEDSIDE_PORT": str(port),
        "BEDSIDE_TOKEN_SHA256_FILE": str(folder / "token"),
    }


@contextmanager
def served(told, folder, script=HOOK):
    """The server in a process of its own; what it writes is in `folder/log`."""
    (folder / "home").mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-P", "-c", script], env=told, stdout=log, stderr=log, cwd=folder
        )
    try:
        for _ in range(600):
            if server.poll() is not None or answers(told):
                break
            time.sleep(0.1)
        yield server
    finally:
        server.terminate()
        server.wait(timeout=30)


def answers(told):
    checked = (
        subprocess.run(
            [sys.executable, "-P", "-m", ENTRY, "--check"], env=told, check=False, timeout=60
        )
        if port_is_open(told)
        else None
    )
    return checked is not None and checked.returncode == 0


def port_is_open(told):
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", int(told["BEDSIDE_PORT"]))) == 0


def asked(told, request, token=TOKEN):
    status, content = called(told, "POST", "/v2/models/diagnosis/infer", token, json.dumps(request))
    return status, json.loads(content)


def called(told, method, path, token=TOKEN, content=None):
    with closing(
        http.client.HTTPConnection("127.0.0.1", int(told["BEDSIDE_PORT"]), timeout=20)
    ) as connection:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request(method, path, content, headers)
        with connection.getresponse() as response:
            return response.status, response.read().decode()


def clients(told, *arguments):
    """What `--clients` says, beside the running server; its exit status where it is refused."""
    with redirect_stdout(StringIO()) as said:
        status = main(["--clients", *arguments], told)
    return json.loads(said.getvalue()) if status == 0 else status


def until(condition, seconds=10.0):
    """What a running server knows within a second or so."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


RATES = {
    "caller": {"per_second": 0.001, "burst": 8},
    "failed": {"per_second": 1000.0, "burst": 1000},
}


def test_each_caller_does_what_it_may_alone_of_no_patient_is_told_and_the_release_is_only_read(
    exported, tmp_path
):
    told, before = variables(exported, tmp_path), stamps(exported / "release")
    (tmp_path / "access").mkdir()
    (tmp_path / "access" / "access.json").write_text(json.dumps({"rates": RATES}))
    told["BEDSIDE_ACCESS"] = str(tmp_path / "access")
    request, _ = a_request(bundle_of(exported))
    request["id"] = "Quetzal"
    request["parameters"] = request.get("parameters", {}) | {"subject": "Quetzal"}

    with served(told, tmp_path) as server:
        assert server.poll() is None, (tmp_path / "log").read_text()
        asks = clients(told, "add", "ehr", "--scope", "infer/diagnosis")["token"]
        looks = clients(told, "add", "prometheus", "--scope", "observe/*")["token"]
        assert until(lambda: called(told, "GET", "/metrics", looks)[0] == 200)
        status, answer = asked(told, request, asks)
        assert status == 200, answer
        assert called(told, "GET", "/metrics", asks)[0] == 403
        assert asked(told, request, looks)[0] == 403
        _, metrics = called(told, "GET", "/metrics")
        assert clients(told, "revoke", "ehr")["revoked"]
        assert until(lambda: asked(told, request, asks)[0] == 401)
        assert until(lambda: called(told, "GET", "/metrics", looks)[0] == 429), "of access.json"
    listed = clients(told, "list")

    assert re.search(r'^bedside_answers_total\{.*model="diagnosis".*\} 1.0$', metrics, re.M)
    assert "Quetzal" not in metrics + (tmp_path / "log").read_text()
    assert [(one["name"], bool(one["revoked"])) for one in listed["clients"]] == [
        ("ehr", True), ("prometheus", False),
    ]  # fmt: skip
    assert clients(told, "revoke", "nobody") == 2
    assert stamps(exported / "release") == before
    assert (tmp_path / "state" / "bedside.sqlite").exists()


def bundle_of(exported):
    (folder,) = (path for path in (exported / "release" / "bundles").iterdir() if path.is_dir())
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_server_without_any_training_library_scores_as_the_bundle_says(exported, tmp_path):
    told = variables(exported, tmp_path)
    request, risk = a_request(bundle_of(exported))

    with served(told, tmp_path):
        status, answer = asked(told, request)
        refused, _ = asked(told, request, token="another")  # noqa: S106
        (tmp_path / "asked").touch()
        for _ in range(100):
            if (tmp_path / "loaded").exists():
                break
            time.sleep(0.05)

    outputs = {one["name"]: one["data"][0] for one in answer.get("outputs", ())}
    assert (status, refused) == (200, 401), (tmp_path / "log").read_text()
    assert outputs["risk"] == pytest.approx(risk, abs=1e-9)
    place, *loaded = (tmp_path / "loaded").read_text().split()
    assert place.startswith(str(exported / "app")), "it must be the copy that is packed"
    assert not set(loaded) & set(REFUSED)
    assert list((tmp_path / "home").iterdir()) == [], "nothing is written at home"


def test_what_is_refused_to_the_server_is_every_library_that_trains():
    assert set(REFUSED) >= TRAINING


def stamps(folder):
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"BEDSIDE_HOST": "0.0.0.0"}, "loopback address only", id="open"),  # noqa: S104
        pytest.param({"BEDSIDE_TOKEN_SHA256_FILE": ""}, "TOKEN_SHA256_FILE", id="no token"),
        pytest.param({"BEDSIDE_BEHIND_PROXY": "maybe"}, "BEHIND_PROXY", id="unclear"),
    ],
)
def test_what_is_not_safe_does_not_start_and_says_why(exported, tmp_path, changes, said):
    told = variables(exported, tmp_path) | changes

    done = started(told)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Fix: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["release.json", "model.onnx", "evidence.json"])
def test_a_release_that_was_changed_does_not_start(exported, tmp_path, name):
    told = variables(exported, tmp_path) | {"BEDSIDE_RELEASE": str(tmp_path / "release")}
    copied(exported / "release", tmp_path / "release")
    (path,) = (tmp_path / "release").rglob(name)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"live"', b'"silent"') if b'"live"' in content else b"{}")

    done = started(told)

    assert done.returncode == 2
    assert f"{name}: its bytes were changed" in done.stderr


def test_a_statement_signed_by_a_stranger_does_not_start(exported, tmp_path):
    told = variables(exported, tmp_path) | {"BEDSIDE_RELEASE": str(tmp_path / "release")}
    copied(exported / "release", tmp_path / "release")
    stranger, _ = a_live_version(tmp_path / "stranger")
    (tmp_path / "release" / "trusted.pub").write_bytes(stranger.signer.public_key())

    done = started(told)

    assert done.returncode == 2
    assert "another key" in done.stderr


def copied(source, target):
    shutil.copytree(source, target)


def started(told):
    return subprocess.run(
        [sys.executable, "-P", "-m", ENTRY],
        env=told, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
