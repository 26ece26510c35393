"""Public test data: found, or the test is skipped at home and fails in CI."""

from pathlib import Path

import pytest

from data_folder import data_folder


def test_a_data_set_is_found_where_the_variable_says(tmp_path: Path, monkeypatch):
    (tmp_path / "a-data-set").mkdir()
    monkeypatch.setenv("BEDSIDE_TEST_DATA", str(tmp_path))

    found = data_folder("a-data-set")

    assert found == tmp_path / "a-data-set"


def test_an_absent_data_set_skips_the_test_and_says_where_to_put_it(tmp_path, monkeypatch):
    monkeypatch.setenv("BEDSIDE_TEST_DATA", str(tmp_path))
    monkeypatch.delenv("BEDSIDE_REQUIRE_DATA", raising=False)

    with pytest.raises(pytest.skip.Exception) as skipped:
        data_folder("a-data-set")

    assert "'a-data-set' is not in" in str(skipped.value)
    assert "BEDSIDE_TEST_DATA=" in str(skipped.value)


def test_an_absent_data_set_fails_the_test_where_data_are_required(tmp_path, monkeypatch):
    monkeypatch.setenv("BEDSIDE_TEST_DATA", str(tmp_path))
    monkeypatch.setenv("BEDSIDE_REQUIRE_DATA", "1")

    with pytest.raises(pytest.fail.Exception) as failed:
        data_folder("a-data-set")

    assert "'a-data-set' is not in" in str(failed.value)
