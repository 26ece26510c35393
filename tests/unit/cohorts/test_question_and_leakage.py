"""What stays as it is when subjects are split."""

import polars as pl
import pytest

from bedside.cohorts.leakage import audit_splits
from bedside.cohorts.splits import assign
from bedside.core.errors import Invalid
from bedside.core.records.split import Split


def test_new_subjects_do_not_move_old_ones():
    asked = pl.DataFrame({"subject_id": range(400), "label": [0, 1] * 200})
    more = pl.DataFrame({"subject_id": range(800), "label": [0, 1] * 400})

    before = assign(asked, Split())

    after = assign(more, Split()).head(400)
    assert before["side"].to_list() == after["side"].to_list()
    assert audit_splits(before) == []


def test_an_empty_class_is_refused():
    asked = pl.DataFrame({"subject_id": range(100), "label": [0] * 100})

    with pytest.raises(Invalid, match="no positive case"):
        assign(asked, Split())
