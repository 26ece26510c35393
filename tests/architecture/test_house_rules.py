"""The rules that no linter knows: names, opening sentences, ambient reads, what git ignores."""

import pytest

from house import ROOT, an_almost_empty_house, make

OPENING = '"""What lives here."""\n\n'
BREAKS = [
    pytest.param("utils.py", OPENING, "the name 'utils' says 'utils'", id="utils"),
    pytest.param("date_helpers.py", OPENING, "the name 'date_helpers'", id="helpers"),
    pytest.param("common/codes.py", OPENING, "the name 'common' says 'common'", id="common"),
    pytest.param(
        "stray.py", f"{OPENING}class LedgerManager:\n    pass\n",
        "stray.py:3: class 'LedgerManager' says 'manager'",
        id="a manager",
    ),
    pytest.param(
        "stray.py", "answer = 42\n", "stray.py:1: the module does not open with a docstring",
        id="no docstring",
    ),
    pytest.param(
        "_quiet.py", "answer = 42\n", "_quiet.py:1: the module does not open with a docstring",
        id="no docstring in a private module",
    ),
    pytest.param(
        "stray.py", '"""Things"""\n', "stray.py:1: the module's docstring does not open",
        id="a docstring that is no sentence",
    ),
    pytest.param(
        "stray.py", f"{OPENING}import os\n\nhome = os.environ['HOME']\n",
        "stray.py:5: 'os.environ' is read here", id="a read of the environment",
    ),
    pytest.param(
        "stray.py", f"{OPENING}from os import getenv\n", "stray.py:3: 'os.getenv' is imported",
        id="an import of the environment",
    ),
    pytest.param(
        "stray.py", f"{OPENING}import datetime\n\nnow = datetime.datetime.now(datetime.UTC)\n",
        "stray.py:5: 'datetime.now' is read here", id="a read of the wall clock",
    ),
    pytest.param(
        "stray.py", f"{OPENING}answer = 41  # TO" "DO: one more\n",
        "stray.py:3: a note says that this is not finished", id="unfinished work",
    ),
]  # fmt: skip


def test_the_tree_keeps_the_house_rules():
    checked = make(ROOT, "check-house")

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(("module", "source", "complaint"), BREAKS)
def test_a_broken_house_rule_is_caught_and_the_culprit_named(tmp_path, module, source, complaint):
    copy = an_almost_empty_house(tmp_path)
    stray = copy / "src" / "bedside" / module
    stray.parent.mkdir(exist_ok=True)
    stray.write_text(source)

    checked = make(copy, "check-house")

    assert checked.returncode != 0
    assert "src/bedside/" in checked.stdout
    assert complaint in checked.stdout


def test_wiring_may_read_the_environment(tmp_path):
    copy = an_almost_empty_house(tmp_path)
    wiring = copy / "src" / "bedside" / "wiring"
    wiring.mkdir()
    (wiring / "settings.py").write_text(f"{OPENING}import os\n\nhome = os.environ['HOME']\n")

    checked = make(copy, "check-house")

    assert checked.returncode == 0, checked.stdout


def test_setting_a_variable_for_a_library_is_not_a_read(tmp_path):
    copy = an_almost_empty_house(tmp_path)
    stray = copy / "src" / "bedside" / "stray.py"
    stray.write_text(f"{OPENING}import os\n\nos.environ['LIBRARY_TELEMETRY'] = '0'\n")

    checked = make(copy, "check-house")

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("ignored", "complaint"),
    [
        ("/.venv/\n", ".gitignore:1: '/data/' is missing"),
        ("/data/\ndata/\n", ".gitignore:2: 'data/' would also hide src/bedside/data"),
    ],
)
def test_git_must_ignore_the_data_folder_at_the_top_and_no_other(tmp_path, ignored, complaint):
    copy = an_almost_empty_house(tmp_path)
    (copy / ".gitignore").write_text(ignored)

    checked = make(copy, "check-house")

    assert checked.returncode != 0
    assert complaint in checked.stdout
