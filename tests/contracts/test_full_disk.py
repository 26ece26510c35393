"""A full disk, made real by a limit on file size: nothing is lost, nothing partial is left."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

# The limit is the kernel's own: a write beyond it fails with EFBIG, as one on a full disk fails
# with ENOSPC. It is lifted before the retry, as when somebody frees space.
COMMON = """
import json, os, resource, signal, sys
from pathlib import Path
from bedside.core.clock import SystemClock
from bedside.core.errors import Unavailable
from bedside.core.records.ledger import Actor
from bedside.deploy.adapters.openssf import OpenSsfSigner
from bedside.deploy.package.sealing import read_sealed, seal
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.infra.database.sqlite import open_sqlite, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.files import write_atomically
from bedside.infra.blobs.disk import DiskBlobs
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.infra.keys.keyring import FileKeyring
from bedside.infra.keys.material import BlobDataKeys
from bedside.infra.keys.secrets import Secrets
from bedside.infra.objects.sealed import SealedObjects
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, big = Path(sys.argv[1]), os.urandom(300_000)

def full(work, limit):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        work()
    except Unavailable as error:
        code = error.code
    else:
        code = "no error"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    return code

def secrets_in(place):
    ring = FileKeyring(place / "keyring.json", passphrase=None, clock=SystemClock())
    return Secrets(place, ring)

def files(): return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
def told(**what): print(json.dumps(what))
"""
WRITE = """
write_atomically(folder / "kept", b"old")
code = full(lambda: write_atomically(folder / "kept", big), 100_000)
before, old = files(), (folder / "kept").read_bytes() == b"old"
write_atomically(folder / "kept", big)
told(code=code, left=before == ["kept"] and old, retried=(folder / "kept").read_bytes() == big)
"""
OBJECTS = """
blobs = DiskBlobs(folder / "blobs")
ring = FileKeyring(folder / "keyring.json", passphrase=None, clock=SystemClock())
objects = SealedObjects(blobs, BlobDataKeys(blobs, ring), key="features", prefix="objects")
objects.put(b"before")
code = full(lambda: objects.put(big), 100_000)
before = list(objects.digests())
told(code=code, left=len(before) == 1, retried=objects.get(objects.put(big)) == big)
"""
BUNDLE = """
content = {"a.txt": b"small", "model.onnx": big}
code = full(lambda: seal(content, {}, folder / "bundles"), 100_000)
before = list((folder / "bundles").iterdir())
digest = seal(content, {}, folder / "bundles")
told(code=code, left=before == [], retried=read_sealed(folder / "bundles", digest) == content)
"""
SIGNATURE = """
keys = secrets_in(folder / "keys")
signer = OpenSsfSigner(keys.signing_key_path(), keys.public_key_path(),
    password=keys.signing_password())
digest = seal({"model.onnx": big}, {}, folder / "bundles")
place, signature = str(folder / "bundles" / digest), folder / "x.sig"
before = files()
code = full(lambda: signer.sign(place, str(signature)), 100)
left = files() == before
signer.sign(place, str(signature))
signer.verify(place, str(signature))
told(code=code, left=left, retried=True)
"""
KEYS = """
secrets = secrets_in(folder)
code = full(lambda: secrets.secret("ledger-head"), 0)
before = [name for name in files() if not name.endswith(".lock")]
told(code=code, left=before == [], retried=len(secrets.secret("ledger-head")) == 32)
"""
LEDGER = """
def opened(): return SqlLedger(open_sqlite(folder / "l.sqlite"), writing=writing,
    clear=clear_traces, clock=SystemClock(), sealing_key=b"s" * 32, signing_key=key)
key, actor = Ed25519Signer(b"k" * 32).private_key, Actor(name="user:grey", purpose="care")
ledger = opened()
ledger.append(actor, "predict", {"n": 1})
code = full(lambda: ledger.append(actor, "predict", {"n": 2}, sealed=big), 100_000)
left = [e.details for e in opened().entries()] == [{"n": 1}] and ledger.verify() == []
ledger.append(actor, "predict", {"n": 2}, sealed=big)
told(code=code, left=left, retried=opened().unseal(2) == big and opened().verify() == [])
"""
ANSWERS = """
from bedside.core.records.ledger import LedgerDraft
from bedside.governance.adapters.sql_predictions import SqlPredictions
key, actor = Ed25519Signer(b"k" * 32).private_key, Actor(name="user:grey", purpose="care")
engine = open_sqlite(folder / "l.sqlite")
def opened(): return SqlLedger(engine, writing=writing, clear=clear_traces,
    clock=SystemClock(), sealing_key=b"s" * 32, signing_key=key)
def found(): return sorted(one.prediction_id for one in SqlPredictions(engine).find())
def answers(*names): return [LedgerDraft(actor=actor, action="answer", sealed=big, subject=7,
    details={"prediction_id": name, "request_tag": name}) for name in names]
ledger = opened()
ledger.append_each(answers("a"))
code = full(lambda: ledger.append_each(answers("b", "c")), 400_000)
left = found() == ["a"] and len(list(opened().entries())) == 1 and ledger.verify() == []
ledger.append_each(answers("b", "c"))
told(code=code, left=left, retried=found() == ["a", "b", "c"] and opened().verify() == [])
"""


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(WRITE, id="file"),
        pytest.param(OBJECTS, id="objects"),
        pytest.param(BUNDLE, id="bundle"),
        pytest.param(SIGNATURE, id="signature"),
        pytest.param(KEYS, id="keys"),
        pytest.param(LEDGER, id="ledger"),
        pytest.param(ANSWERS, id="answers"),
    ],
)
def test_a_full_disk_is_told_leaves_nothing_partial_and_the_retry_succeeds(
    tmp_path: Path, work: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMON + work, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stderr == ""
    assert json.loads(done.stdout) == {"code": "disk_full", "left": True, "retried": True}
