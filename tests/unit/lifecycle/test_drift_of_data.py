"""New data lie beside the very patients that the build held out, or it is said why they do not."""

import json

import polars as pl
import pytest

from bedside.cli.words import watched_words
from bedside.core.errors import Refused
from bedside.data.collect.bundled import breast_cancer
from bedside.lifecycle import drift_of_data
from bedside.lifecycle.respond import watch
from live_ward import a_built_workspace, a_ward


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    return a_ward(a_built_workspace(folder / "w"), folder / "ward")


def later(tmp_path, factor):
    path = tmp_path / "later.parquet"
    breast_cancer()[::4].with_columns(pl.col("mean radius") * factor).write_parquet(path)
    return path


def test_one_column_in_another_unit_is_the_one_that_differs(ward, tmp_path):
    report, page = watch(ward.platform, "diagnosis", later(tmp_path, 0.1))

    rows = {row["name"]: row for row in report["drift"]["rows"]}
    moved = [name for name, row in rows.items() if (row["p_adjusted"] or 1.0) <= 0.05]
    assert report["drift"]["then"] == 125
    assert moved == ["mean_radius.last"]
    assert report["drift"]["moved"] == 1
    assert report["joint"]["low"] > 0.9
    assert "1 of 31 columns differ" in watched_words(report, page)
    assert "Beside the patients of the build" in page.read_text()


def test_the_same_patients_differ_in_no_column(ward, tmp_path):
    report, page = watch(ward.platform, "diagnosis", later(tmp_path, 1.0))

    assert report["drift"]["moved"] == 0
    assert report["joint"]["low"] < 0.6
    assert "0 of 31 columns differ" in watched_words(report, page)
    assert json.dumps(report, allow_nan=False)


def test_where_the_patients_of_the_build_are_not_at_hand_that_is_said(ward, tmp_path, monkeypatch):
    def erased(*_):
        raise Refused("A subject was erased.", fix="give others.", code="erased")

    monkeypatch.setattr(drift_of_data, "held_out_of", erased)

    report, page = watch(ward.platform, "diagnosis", later(tmp_path, 1.0))

    assert report["drift"] == report["joint"] == report["weighted"]
    assert "cannot be had: A subject was erased." in report["drift"]["why"]
    assert "A subject was erased." in page.read_text()
    assert "? How far each column lies" in watched_words(report, page)
