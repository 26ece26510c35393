"""The words of `make`, the pins behind them, and the script that CI runs."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from house import ROOT, an_almost_empty_house, make

WORDS = [
    "bench",
    "check",
    "clean",
    "conformance",
    "demo",
    "docs",
    "help",
    "lock",
    "rehearsal",
    "results",
    "shiftlab",
    "test",
]


def ci_in(folder: Path, makefile: str) -> subprocess.CompletedProcess[str]:
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    (folder / "Makefile").write_text(makefile)
    (folder / "bin").mkdir()
    (folder / "bin" / "apt-get").write_text('#!/bin/sh\necho "apt-get $*"\n')
    (folder / "bin" / "apt-get").chmod(0o755)  # it installs nothing while a test runs
    return subprocess.run(
        ["bash", ".ci/run"],
        cwd=folder,
        env={
            **{name: text for name, text in os.environ.items() if not name.startswith("MAKE")},
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [line.split("==") for line in lines if not line.startswith("#")]
    return {normal(name): version for name, version in found}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_make_alone_lists_every_word():
    told = make(ROOT, "help")

    assert sorted(re.findall(r"^  make (\w+) ", told.stdout, re.MULTILINE)) == WORDS


def test_everything_that_is_installed_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = list(project["dependencies"])
    for extra in ("aws", "dev", "postgres", "scale", "vault"):
        asked += extras[extra]
    names = {normal(re.split(r"[\[<>=!;~ ]", line)[0]) for line in asked} - {"bedside"}

    pinned = pins()

    assert names - set(pinned) == set()
    assert "torch" not in pinned
    assert "bedside" not in pinned


def test_the_inference_library_is_one_without_telemetry():
    version = pins()["onnxruntime"]

    assert tuple(map(int, version.split("."))) < (1, 29)


def test_a_run_that_collects_no_test_fails(tmp_path):
    copy = an_almost_empty_house(tmp_path)
    (copy / "tests").mkdir()
    (copy / "docs").mkdir()
    (copy / "README.md").write_text("")

    ran = make(copy, "test")

    assert ran.returncode != 0
    assert "Error 5" in ran.stderr


def test_ci_runs_the_words_in_turn_and_sums_them_up(tmp_path):
    makefile = "check demo image-test test:\n\t@echo ran-$@-with-$(BEDSIDE_REQUIRE_DATA)\n"

    ran = ci_in(tmp_path, makefile)

    assert ran.returncode == 0, ran.stderr
    assert re.findall(r"ran-([\w-]+)-with-1", ran.stdout) == [
        "check", "demo", "image-test", "test",
    ]  # fmt: skip
    assert "apt-get install -y -qq --no-install-recommends buildah " in ran.stdout
    assert "tests: passed in" in ran.stdout.split("== Summary of .ci/run")[1]


def test_ci_makes_what_others_made_beside_the_first_steps_and_tells_what_is_not_there(tmp_path):
    makefile = (
        "check demo image-test:\n\t@true\n"
        "test:\n\t@echo mlflow-$(BEDSIDE_NO_MLFLOW) manifests-$(BEDSIDE_NO_MANIFESTS)-\n"
        ".venv-aces/.installed .venv-deploy/.installed:\n\t@echo made-$@\n"
    )

    ran = ci_in(tmp_path, makefile)

    assert ran.returncode == 0, ran.stderr
    assert "made-.venv-aces/.installed" in ran.stdout
    assert "mlflow-1 manifests--" in ran.stdout
    told = ran.stdout.split("== Summary of .ci/run")[1]
    assert "es-aces, apart: passed in" in told
    assert "MLflow: NOT tested with a server" in told
    assert "Helm" not in told


@pytest.mark.parametrize("word", ["check", "demo", "image-test", "test"])
def test_ci_fails_and_names_the_step_that_failed(tmp_path, word):
    makefile = f"check demo image-test test:\n\t@[ $@ != {word} ]\n"

    ran = ci_in(tmp_path, makefile)

    assert ran.returncode != 0
    assert f"FAILED (make {word})" in ran.stdout.split("== Summary of .ci/run")[1]
