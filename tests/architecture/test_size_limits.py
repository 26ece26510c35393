"""A module has at most 400 lines and a function 60, its docstring not counted."""

import pytest

from house import ROOT, an_almost_empty_house, make


def a_function(*, lines: int, docstring: int = 1) -> str:
    told = ['    """Do it.', *["    More."] * (docstring - 2), '    """'] if docstring > 1 else []
    return "\n".join(["def long_one():", *told, *["    pass"] * (lines - 1)]) + "\n"


def test_the_tree_keeps_the_limits():
    checked = make(ROOT, "check-size")

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("folder", ["src/bedside", "tools", "benchmarks"])
def test_a_module_of_401_lines_is_refused_with_its_figure(tmp_path, folder):
    copy = an_almost_empty_house(tmp_path)
    (copy / folder).mkdir(exist_ok=True)
    (copy / folder / "stray.py").write_text("answer = 42\n" * 401)

    checked = make(copy, "check-size")

    assert checked.returncode != 0
    assert f"{folder}/stray.py:1: the module has 401 lines" in checked.stdout


def test_a_function_of_61_lines_is_refused_with_its_figure(tmp_path):
    copy = an_almost_empty_house(tmp_path)
    (copy / "src" / "bedside" / "stray.py").write_text(a_function(lines=61))

    checked = make(copy, "check-size")

    assert checked.returncode != 0
    assert "src/bedside/stray.py:1: function 'long_one' has 61 lines" in checked.stdout


def test_a_docstring_does_not_count_and_a_limit_may_be_reached(tmp_path):
    copy = an_almost_empty_house(tmp_path)
    (copy / "src" / "bedside" / "stray.py").write_text(a_function(lines=60, docstring=50))
    (copy / "src" / "bedside" / "other.py").write_text("answer = 42\n" * 400)

    checked = make(copy, "check-size")

    assert checked.returncode == 0, checked.stdout
