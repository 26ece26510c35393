"""Every import contract is kept by the tree, and bites when it is broken on a copy."""

import configparser
import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

from house import ROOT, a_copy_of_the_house, make

BREAKS = [
    pytest.param(
        "develop/stray.py", "import bedside.monitor", "bedside.develop is not allowed to import",
        id="a room imports another room",
    ),
    pytest.param(
        "serve/stray.py", "from bedside.registry import __doc__",
        "bedside.serve is not allowed to import bedside.registry",
        id="a room imports another room's package",
    ),
    pytest.param(
        "metrics/stray.py", "import bedside.develop", "bedside.metrics is not allowed to import",
        id="an inner ring imports a room",
    ),
    pytest.param(
        "metrics/stray.py", "import bedside.features",
        "bedside.metrics is not allowed to import bedside.features",
        id="an inner ring imports another inner ring",
    ),
    pytest.param(
        "core/stray.py", "import bedside.metrics", "bedside.core is not allowed to import",
        id="the core imports a ring",
    ),
    pytest.param(
        "core/stray.py", "import numpy", "bedside.core is not allowed to import numpy",
        id="the core imports a package",
    ),
    pytest.param(
        "metrics/stray.py", "import starlette.applications",
        "bedside.metrics is not allowed to import starlette",
        id="an inner ring imports a framework",
    ),
    pytest.param(
        "interop/stray.py", "import socket", "bedside.interop is not allowed to import socket",
        id="an inner ring opens a socket",
    ),
    pytest.param(
        "charts/stray.py", "import polars", "bedside.charts is not allowed to import polars",
        id="a chart asks for a table",
    ),
    pytest.param(
        "cohorts/stray.py", "import yaml", "bedside.cohorts is not allowed to import yaml",
        id="a cohort reads strangers' bytes",
    ),
    pytest.param(
        "lifecycle/stray.py", "import bedside.infra", "bedside.lifecycle.stray -> bedside.infra",
        id="a verb names an adapter",
    ),
    pytest.param(
        "data/stray.py", "import bedside.infra", "bedside.data is not allowed to import",
        id="a room names an adapter",
    ),
    pytest.param(
        "lifecycle/stray.py", "import bedside.wiring", "bedside.lifecycle is not allowed to import",
        id="a verb imports wiring",
    ),
    pytest.param(
        "wiring/stray.py", "import bedside.cli", "bedside.wiring is not allowed to import",
        id="wiring imports the command line",
    ),
    pytest.param(
        "registry/stray.py", "import sqlalchemy",
        "bedside.registry.stray -> sqlalchemy",
        id="a room talks to a database itself",
    ),
    pytest.param(
        "serve/stray.py", "import sklearn", "bedside.serve is not allowed to import sklearn",
        id="the scoring room imports a training library",
    ),
    pytest.param(
        "monitor/stray.py", "import starlette", "bedside.monitor.stray -> starlette",
        id="a room that does not serve speaks HTTP",
    ),
    pytest.param(
        "attic/__init__.py", "", "bedside.attic", id="a package that no rule names",
    ),
]  # fmt: skip


def test_the_tree_keeps_every_contract():
    checked = make(ROOT, "check-imports")

    assert checked.returncode == 0, checked.stdout
    assert "0 broken" in checked.stdout


@pytest.mark.parametrize(("module", "line", "complaint"), BREAKS)
def test_a_broken_contract_is_caught_and_the_culprit_named(tmp_path, module, line, complaint):
    copy = a_copy_of_the_house(tmp_path)
    stray = copy / "src" / "bedside" / module
    stray.parent.mkdir(exist_ok=True)
    stray.write_text(f'"""A module that breaks a rule."""\n\n{line}\n')

    checked = make(copy, "check-imports")

    assert checked.returncode != 0
    assert complaint in checked.stdout


def test_a_room_that_names_its_own_adapter_is_caught(tmp_path):
    copy = a_copy_of_the_house(tmp_path)
    adapters = copy / "src" / "bedside" / "registry" / "adapters"
    adapters.mkdir(exist_ok=True)
    (adapters / "__init__.py").write_text("")
    (adapters / "stray.py").write_text("import sqlalchemy\n")
    (adapters.parent / "shortcut.py").write_text("import bedside.registry.adapters.stray\n")

    checked = make(copy, "check-imports")

    assert checked.returncode != 0
    assert "bedside.registry.shortcut -> bedside.registry.adapters.stray" in checked.stdout


def test_a_cycle_deep_inside_a_room_is_caught(tmp_path):
    copy = a_copy_of_the_house(tmp_path)
    room = copy / "src" / "bedside" / "develop"
    (room / "hen.py").write_text("import bedside.develop.egg\n")
    (room / "egg.py").write_text("import bedside.develop.hen\n")

    checked = make(copy, "check-imports")

    assert checked.returncode != 0
    assert "No cycles are allowed in bedside.develop" in checked.stdout


def test_every_package_that_we_depend_on_is_forbidden_in_the_core():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {normal(re.split(r"[\[<>=!;~ ]", line)[0]) for line in project["dependencies"]}
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    forbidden = set(contracts["importlinter:contract:core"]["forbidden_modules"].split())

    modules = {
        module
        for module, distributions in importlib.metadata.packages_distributions().items()
        if wanted & {normal(name) for name in distributions} and not module.startswith("_")
    }

    assert {"numpy", "yaml", "sklearn", "OpenSSL"} <= modules
    assert modules <= forbidden


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_room_is_under_the_rule_about_databases_and_keys():
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    covered = set(contracts["importlinter:contract:outside"]["source_modules"].split())
    pure = {"core", "interop", "metrics", "features", "cohorts", "charts", "models"}
    packages = {path.parent.name for path in (ROOT / "src" / "bedside").glob("*/__init__.py")}

    uncovered = {f"bedside.{name}" for name in packages - pure - {"infra", "usecases"}} - covered

    assert uncovered == set()


def test_every_folder_of_the_package_is_a_package():
    folders = {path.parent for path in Path(ROOT / "src" / "bedside").rglob("*.py")}

    without = [str(folder) for folder in folders if not (folder / "__init__.py").exists()]

    assert without == []
