"""What an alarm's figures are in the places that it names: theirs, and small ones hidden."""

import re
from dataclasses import replace

import numpy as np
import pytest

from bedside.core.clock import day_number
from bedside.monitor.causes.place_figures import told_at
from bedside.monitor.causes.places import Places
from bedside.monitor.stream.streams import is_share
from places_drawn import MICROMOLES, NO_MORE, lived
from watched_hospital import FEATURES, Hospital

AT_B = Places(site=("B",))
COLUMN = FEATURES.index("heart_rate.last")


@pytest.fixture(scope="module")
def hospital():
    return Hospital()


@pytest.fixture(scope="module")
def lost_at_b(hospital):
    """Heart rates come no more from site B; the draft, and the drawn answers."""
    life = lived(hospital, NO_MORE, "at B")
    return life.draft, life.until(2)


def first_with_places(draft):
    return next(one for one in draft.findings if one.places and is_share(one.stream))


def test_the_named_place_and_elsewhere_have_figures_of_their_own(hospital, lost_at_b):
    draft, answers = lost_at_b

    told = told_at(hospital.baseline, draft, AT_B, answers)

    found = first_with_places(told)
    assert found.stream.startswith("missing:heart_rate")
    there, elsewhere = found.places
    since = answers.day >= day_number(draft.onset)
    at_b = answers.groups["site"] == "B"
    assert (there.place, elsewhere.place) == ("site: B", "elsewhere")
    assert (there.n, elsewhere.n) == ((at_b & since).sum(), (~at_b & since).sum())
    gone = np.isnan(answers.matrix[:, COLUMN])
    assert there.now == pytest.approx(gone[at_b & since].mean(), abs=0.05)
    assert elsewhere.now == pytest.approx(gone[~at_b & since].mean(), abs=0.05)
    assert there.then < 0.2
    assert there.now > 0.8
    assert abs(elsewhere.now - elsewhere.then) < 0.15
    assert f"there {found.text.split(':')[0]} went from" in told.text
    assert f"({there.n} patients), elsewhere as before" in told.text


def test_of_values_that_changed_the_sentence_says_by_how_much_they_did_there(hospital):
    life = lived(hospital, MICROMOLES, "at B")
    answers = life.until(2)

    told = told_at(hospital.baseline, life.draft, AT_B, answers)

    times = float(
        re.search(r"; there its values are about ([\d.]+) times what they were", told.text)[1]
    )
    assert times == pytest.approx(88.42, rel=0.2)
    assert "elsewhere as before (other figures are of all places)" in told.text


def test_findings_that_are_of_no_input_have_no_figures_of_places(hospital, lost_at_b):
    draft, answers = lost_at_b
    other = draft.findings[0]
    mixed = replace(draft, findings=(replace(other, stream="volume"), *draft.findings))

    told = told_at(hospital.baseline, mixed, AT_B, answers)

    assert told.findings[0].places == ()
    assert told.findings[1].places


def test_without_places_nothing_is_added(hospital, lost_at_b):
    draft, answers = lost_at_b

    assert told_at(hospital.baseline, draft, Places(), answers) == draft


def test_a_site_that_differs_by_few_from_its_wards_is_not_shown_beside_them(hospital, lost_at_b):
    draft, answers = lost_at_b
    since = np.flatnonzero(
        (answers.day >= day_number(draft.onset)) & (answers.groups["site"] == "B")
    )
    ward = np.where(answers.groups["site"] == "B", "5 North", "other").astype(object)
    apart = ward.copy()
    apart[since[:10]] = "6"
    at_both = Places(site=("B",), ward=("5 North",))

    def shown(wards):
        there = replace(answers, groups={**answers.groups, "ward": wards})
        draft_then = told_at(hospital.baseline, draft, at_both, there)
        return [one.place for one in first_with_places(draft_then).places]

    assert shown(ward) == ["site: B", "ward: 5 North", "elsewhere"]
    assert shown(apart) == ["ward: 5 North", "elsewhere"]


def test_figures_of_ten_patients_or_fewer_are_hidden(hospital, lost_at_b):
    draft, answers = lost_at_b
    before = answers.day < day_number(draft.onset)
    rare = np.full(len(answers), "A", dtype=object)
    rare[np.flatnonzero(before)[:10]] = "B"
    rare[np.flatnonzero(~before)[:10]] = "B"
    few = replace(answers, groups={**answers.groups, "site": rare})

    told = told_at(hospital.baseline, draft, AT_B, few)

    (there, _) = first_with_places(told).places
    assert (there.then, there.now, there.n) == (None, None, None)
    assert "patients), elsewhere" not in told.text
