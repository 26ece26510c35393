"""A change that hits one site or ward alone is named there; one that hits all names none."""

from dataclasses import replace

import numpy as np
import pytest

from bedside.core.clock import day_number
from bedside.monitor.causes.places import Places, places_of, with_places
from places_drawn import CHANGES, MICROMOLES, WARDS, lived
from watched_hospital import FEATURES, Hospital

MORE = 2  # days after the alarm


@pytest.fixture(scope="module")
def hospital():
    return Hospital()


def looked_at(hospital, change, where):
    life = lived(hospital, change, where)
    return hospital.baseline, life.draft, life.until(MORE)


@pytest.fixture(scope="module")
def at_one_site(hospital):
    return looked_at(hospital, MICROMOLES, "at B")


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.signal)
def test_a_change_at_one_site_is_named_there(hospital, change):
    assert places_of(*looked_at(hospital, change, "at B")).groups == ("site: B",)


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.signal)
def test_a_change_in_one_ward_is_named_there(hospital, change):
    assert "ward: 8 East" in places_of(*looked_at(hospital, change, "in 8 East")).groups


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.signal)
def test_a_change_everywhere_names_no_place(hospital, change):
    assert places_of(*looked_at(hospital, change, "everywhere")) == Places(everywhere=True)


def test_the_sentence_and_the_groups_say_where_and_the_key_stays(at_one_site):
    _, draft, _ = at_one_site

    told = with_places(draft, Places(site=("B",), ward=("7 West", "8")))

    since = draft.text[draft.text.index("since ") :].split(";")[0].rstrip(".")
    where = f" at site B in wards 7 West and 8, {since}; elsewhere as before"
    assert f"{where} (figures are of all places)" in told.text
    assert told.groups == ("site: B", "ward: 7 West", "ward: 8")
    assert (told.key, told.findings, told.severity) == (draft.key, draft.findings, draft.severity)
    assert with_places(draft, Places()) == draft


def test_other_names_of_the_places_change_nothing_but_the_names(at_one_site):
    baseline, draft, answers = at_one_site
    other = {"A": "Z", "B": "Y"} | {ward: ward[::-1] for ward in WARDS}
    groups = {
        name: np.array([other.get(one, one) for one in levels.tolist()])
        for name, levels in answers.groups.items()
    }

    assert places_of(baseline, draft, replace(answers, groups=groups)).groups == ("site: Y",)


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(lambda site, _: np.full(site.shape, ""), id="no place is known"),
        pytest.param(lambda site, _: np.full(site.shape, "B"), id="there is one place"),
        pytest.param(lambda site, since: ten_of("B", site, since), id="ten patients"),
    ],
)
def test_where_it_cannot_be_told_nothing_is_said(at_one_site, known):
    baseline, draft, answers = at_one_site
    since = answers.day >= day_number(draft.onset)
    site = known(answers.groups["site"], since)

    assert places_of(baseline, draft, replace(answers, groups={"site": site})) == Places()


def ten_of(name, site, since):
    """Of all but ten patients since, the place is not known."""
    there = np.flatnonzero((site == name) & since)
    return np.where(np.isin(np.arange(site.size), there[10:]), "", site)


def test_without_days_before_places_are_compared_with_the_baseline(at_one_site):
    baseline, draft, answers = at_one_site
    since = answers.take(answers.day >= day_number(draft.onset))

    assert places_of(baseline, draft, since).groups == ("site: B",)


def test_a_cause_that_lies_in_no_place_is_not_looked_for(at_one_site):
    baseline, draft, answers = at_one_site

    assert places_of(baseline, replace(draft, cause="case_mix"), answers) == Places()


def test_a_ward_that_was_always_otherwise_is_not_named(hospital):
    """Its patients have more creatinine before and since; the unit changed at the other site."""
    baseline, draft, answers = looked_at(hospital, MICROMOLES, "at B")
    column = FEATURES.index("creatinine.last")
    answers.matrix[answers.groups["ward"] == "8 East", column] *= 3

    assert places_of(baseline, draft, answers).groups == ("site: B",)
