"""An image is really built, twice, started without a network as nobody's user, and asked."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from base_image import a_base, needed_tools
from bedside.deploy.package.scoring_install import environment_text, scoring_libraries
from bedside.lifecycle.deploying import export_version
from bedside.serve.auth import token_digest
from bedside.wiring.images import image_builder
from exported import TOKEN, a_live_version, a_request
from house import ROOT

pytestmark = [
    pytest.mark.xdist_group("image"),
    pytest.mark.skipif(
        os.environ.get("BEDSIDE_IMAGE_TEST") != "1",
        reason="building images takes minutes; run: make image-test",
    ),
]

TRAINING = [
    "lightgbm", "sklearn", "scipy", "polars", "pyarrow", "fairlearn", "interpret", "optuna",
    "imblearn", "onnx", "pandas", "pip",
]  # fmt: skip
OWN = ("/proc/", "/sys/", "/dev/", "/run/", "/tmp/", "/var/lib/bedside/")  # noqa: S108
LOOKED = f"""
import importlib.util, json, os
told = {{"user": os.getuid(), "group": os.getgid()}}
told["found"] = [one for one in {TRAINING!r} if importlib.util.find_spec(one)]
told["writable"] = sorted(
    os.path.join(place, name)
    for place, folders, files in os.walk("/")
    if not (place + "/").startswith({OWN!r})
    for name in folders + files
    if not os.path.islink(os.path.join(place, name))
    and not os.path.join(place, name).startswith(("/proc", "/sys", "/dev", "/run"))
    and os.access(os.path.join(place, name), os.W_OK)
)
for name in ("/opt/compiled", "/tmp/numba"):
    told[name] = sorted(
        os.path.join(os.path.relpath(place, name), one)
        for place, _, files in os.walk(name)
        for one in files
    )
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    needed_tools()
    return tmp_path_factory.mktemp("image")


@pytest.fixture(scope="module")
def wheels(place):
    """The wheel of each library of the scoring install; a package index is asked."""
    (place / "environment.txt").write_bytes(environment_text(scoring_libraries()))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
               "--only-binary", ":all:", "--dest", place / "wheels",
               "--requirement", place / "environment.txt"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = f"the wheels cannot be had here: {done.stderr[-300:]}"
        pytest.fail(reason) if os.environ.get("BEDSIDE_REQUIRE_SERVICES") == "1" else pytest.skip(
            reason
        )
    return place / "wheels"


@pytest.fixture(scope="module")
def images(place, wheels):
    """A version exported once with an image, and the same folder built again."""
    platform, version = a_live_version(place / "hospital")
    base = a_base(place / "base")
    done = export_version(
        platform, version, place / "first", ["oci"],
        wheels=wheels, base=base, builder=image_builder(),
    )  # fmt: skip
    index = json.loads((place / "first" / "image" / "index.json").read_bytes())
    name = index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"]
    shutil.copytree(
        place / "first", place / "second", ignore=shutil.ignore_patterns("image"),
        copy_function=shutil.copyfile,
    )  # fmt: skip
    again = image_builder().build(place / "second", base, place / "second" / "image", name)
    assert again == done.image
    return place / "first", place / "second"


def bytes_of(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_an_image_that_is_built_twice_is_the_same_to_the_byte(images):
    first, second = images

    assert bytes_of(first / "image") == bytes_of(second / "image")
    assert len(bytes_of(first / "image")) >= 6, "index, layout, manifest, settings and two layers"


@pytest.fixture(scope="module")
def asked(images, place):
    """What the image does in a network of its own: `tests/image_run.py` says it as JSON."""
    folder, _ = images
    (bundle,) = (one for one in (folder / "release" / "bundles").iterdir() if one.is_dir())
    request, risk = a_request({path.name: path.read_bytes() for path in bundle.iterdir()})
    secrets = place / "secrets"
    secrets.mkdir(mode=0o755)
    told = {"token_sha256": token_digest(TOKEN), "passphrase": "a passphrase of the tests alone"}
    for name, text in told.items():
        (secrets / name).write_text(text)
        (secrets / name).chmod(0o444)
    work = {
        "image": f"oci:{folder}/image", "storage": str(place / "running"),
        "secrets": str(secrets), "token": TOKEN, "request": request, "look": LOOKED,
    }  # fmt: skip
    done = subprocess.run(
        ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
         sys.executable, ROOT / "tests" / "image_run.py", json.dumps(work)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1]) | {"risk": risk}


def test_the_image_gives_the_worked_example_and_lets_nobody_else_in(asked):
    outputs = {one["name"]: one["data"][0] for one in asked["answer"]["outputs"]}

    assert outputs["risk"] == pytest.approx(asked["risk"], abs=1e-9)
    assert (asked["status"], asked["stranger"]) == (200, 401)


def test_the_image_tells_its_metrics_to_who_may_observe_alone(asked):
    assert (asked["observed"], asked["client"]) == (200, 403)
    assert "bedside_answers_total{" in asked["metrics"]


def test_the_image_says_by_itself_whether_it_answers(asked):
    assert asked["unhealthy"] == 1, "before it was started"
    assert asked["healthy"] == 0, "while it answers"


def test_the_image_runs_as_nobody_and_can_write_only_where_it_must(asked):
    looked = asked["looked"]

    assert (looked["user"], looked["group"]) == (65532, 65532)
    assert looked["writable"] == ["/tmp", "/var/lib/bedside"]  # noqa: S108 - in the image


def test_the_image_holds_no_training_library_and_no_pip(asked):
    assert asked["looked"]["found"] == []


def test_the_image_compiles_nothing_when_it_starts(asked):
    kept, used = asked["looked"]["/opt/compiled"], asked["looked"]["/tmp/numba"]  # noqa: S108 - in the image

    assert len(kept) >= 4
    assert used == kept, "what is kept is all that Numba asks for"
