"""Ruff and mypy run with our rules, and bite when a rule is broken on a copy."""

import pytest

from house import ROOT, an_almost_empty_house, make

LINT = [
    pytest.param("import os\n", "F401", id="an import that nobody uses"),
    pytest.param("from . import core\n\ncore\n", "TID252", id="a relative import"),
    pytest.param("import pickle\n\npickle.DEFAULT_PROTOCOL\n", "TID251", id="pickle"),
    pytest.param("import joblib\n\njoblib.load\n", "TID251", id="joblib, which writes pickles"),
    pytest.param("import torch\n\ntorch.load\n", "TID251", id="torch.load, which reads pickles"),
    pytest.param("from unittest import mock\n\nmock.call\n", "TID251", id="a mock"),
    pytest.param(
        "from datetime import datetime\n\nNOON = datetime(2026, 1, 1, 12)\n",
        "DTZ001",
        id="a time without a zone",
    ),
    pytest.param("def answer() -> int:\n    return 42\n", "D103", id="no docstring"),
    pytest.param("def badName() -> None:\n    'Do it.'\n", "N802", id="a name in camel case"),
]


@pytest.mark.parametrize("word", ["check-lint", "check-format", "check-types"])
def test_the_tree_keeps_the_rule(word):
    checked = make(ROOT, word)

    assert checked.returncode == 0, checked.stdout[-4000:] + checked.stderr[-1000:]


@pytest.mark.parametrize(("source", "code"), LINT)
def test_a_broken_lint_is_caught_and_the_culprit_named(tmp_path, source, code):
    copy = an_almost_empty_house(tmp_path)
    (copy / "src" / "bedside" / "stray.py").write_text(
        f'"""A module that breaks a rule."""\n\n{source}'
    )

    checked = make(copy, "check-lint")

    assert checked.returncode != 0
    assert code in checked.stdout
    assert "src/bedside/stray.py" in checked.stdout


def test_a_module_without_a_docstring_is_caught(tmp_path):
    copy = an_almost_empty_house(tmp_path)
    (copy / "src" / "bedside" / "stray.py").write_text("ANSWER = 42\n")

    checked = make(copy, "check-lint")

    assert checked.returncode != 0
    assert "D100" in checked.stdout
    assert "src/bedside/stray.py" in checked.stdout


def test_a_lint_that_is_silenced_without_need_is_caught(tmp_path):
    copy = an_almost_empty_house(tmp_path)
    stray = copy / "src" / "bedside" / "stray.py"
    stray.write_text('"""A module that breaks a rule."""\n\nANSWER = 42  # noqa: F401\n')

    checked = make(copy, "check-lint")

    assert checked.returncode != 0
    assert "RUF100" in checked.stdout


def test_an_unformatted_module_is_caught(tmp_path):
    copy = an_almost_empty_house(tmp_path)
    (copy / "src" / "bedside" / "stray.py").write_text("'''One.'''\nanswer = { 'a':1 }\n")

    checked = make(copy, "check-format")

    assert checked.returncode != 0
    assert "src/bedside/stray.py" in checked.stdout


def test_a_function_without_types_is_caught(tmp_path):
    copy = an_almost_empty_house(tmp_path)
    stray = copy / "src" / "bedside" / "stray.py"
    stray.write_text('"""A module that breaks a rule."""\n\n\ndef answer(x):\n    return x\n')

    checked = make(copy, "check-types")

    assert checked.returncode != 0
    assert "src/bedside/stray.py:4: error: Function is missing a type annotation" in checked.stdout
