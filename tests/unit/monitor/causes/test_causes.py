"""Whether the cause that was made is the one that is named: a real small model, drawn patients."""

import numpy as np
import pytest

from watched_hospital import (
    FEATURES,
    ONSET,
    SIGNALS,
    THRESHOLD,
    WEIGHED,
    Hospital,
    codes_of,
    first_alarms,
    people,
    quarter,
)

PER_DAY = 60
AFTER = 25  # days


def of(name):
    return FEATURES.index(name)


def in_unit(signal, factor, offset=0.0, share=1.0):
    def change(hospital, asked):
        hit = asked.random.random(len(asked)) < share
        asked.matrix[hit, of(f"{signal}.last")] *= factor
        asked.matrix[hit, of(f"{signal}.last")] += offset
        return {}

    return change


def without(*signals, share=1.0):
    def change(hospital, asked):
        hit = asked.random.random(len(asked)) < share
        for signal in signals:
            asked.matrix[hit, of(f"{signal}.last")] = np.nan
            asked.matrix[hit, of(f"{signal}.count.24h")] = 0
        return {}

    return change


def recoded(share=1.0):
    def change(hospital, asked):
        hit = (asked.random.random(len(asked)) < share) & (asked.column("sex.last.is_female") > 0)
        asked.matrix[hit, of("sex.last.is_female")] = 0
        asked.matrix[hit, of("sex.last.is_male")] = 1
        return {}

    return change


def of_another_place(hospital, asked):
    n = len(asked)
    for place, signal in enumerate(SIGNALS):
        if place % 2 == 0:
            lost = asked.random.random(n) < 0.4
            asked.matrix[lost, of(f"{signal}.last")] = np.nan
            asked.matrix[lost, of(f"{signal}.count.24h")] = 0
        asked.matrix[:, of(f"{signal}.count.24h")] *= 2
    return {}


def outcomes_times(factor):
    def change(hospital, asked):
        if factor < 1:
            asked.event[(asked.event > 0) & (asked.random.random(len(asked)) > factor)] = 0
            return {}
        chance = (asked.event == 0) * np.exp(asked.odds)
        chance *= (factor - 1) * asked.event.sum() / chance.sum()
        asked.event[asked.random.random(len(asked)) < chance] = 1
        return {}

    return change


def averted(share):
    def change(hospital, asked):
        alert = hospital.model.predict(asked.matrix) >= THRESHOLD
        asked.event[alert & (asked.random.random(len(asked)) < share)] = 0
        return {"acted": True}

    return change


def linked_wrongly(share, inside=lambda asked: np.ones(len(asked), dtype=bool)):
    def change(hospital, asked):
        some = np.flatnonzero((asked.random.random(len(asked)) < share) & inside(asked))
        asked.matrix[some] = asked.matrix[asked.random.permutation(some)]
        return {}

    return change


def withheld(share, why, signal):
    def change(hospital, asked):
        return {"abstain": share, "why": why, "about": signal}

    return change


def withheld_for_a_category(signal, text):
    """A category comes as a text that is not declared: no score, and no feature on record."""

    def change(hospital, asked):
        codes = codes_of(asked, ventilated=text)
        asked.matrix[:] = np.nan
        return {"abstain": 1.0, "why": "out_of_range", "about": signal, "codes": codes}

    return change


def set_aside(signal, left=0.0, times=1.0):
    """What is left of the values, where there is a rest, lies a little otherwise."""

    def change(hospital, asked):
        gone = asked.random.random(len(asked)) >= left
        asked.matrix[:, of(f"{signal}.last")] *= times
        asked.matrix[gone, of(f"{signal}.last")] = np.nan
        asked.matrix[gone, of(f"{signal}.count.24h")] = 0
        return {"aside": signal}

    return change


def of_a_new_site_with_other_codes(hospital, asked):
    there = asked.random.random(len(asked)) < 0.4
    female = there & (asked.column("sex.last.is_female") > 0)
    asked.matrix[female, of("sex.last.is_female")] = 0
    asked.matrix[female, of("sex.last.is_male")] = 1
    return {"elsewhere": there}


def women(asked):
    return asked.column("sex.last.is_female") > 0


def creatinine_under_a_code_that_nobody_knows(hospital, asked):
    without("creatinine")(hospital, asked)
    return {"codes": codes_of(asked, lone="LOINC//38483-4")}


def ventilation_in_other_words(hospital, asked):
    codes = codes_of(asked, ventilated="ja")
    asked.matrix[:, of("ventilation.last.is_yes")] = 0
    return {"codes": codes}


def weighed_as(*codes):
    def change(hospital, asked):
        return {"codes": codes_of(asked, weigher=codes)}

    return change


def as_they_are(hospital, asked):
    return {}


CASES = [
    ("unit_change", "creatinine in umol/L", in_unit("creatinine", 88.4), {}),
    ("unit_change", "glucose in mmol/L for a fifth", in_unit("glucose", 0.0555, share=0.2), {}),
    ("unit_change", "temperature in Fahrenheit for some", in_unit("temperature", 1.8, 32, 0.3), {}),
    ("unit_change", "weight in pounds", in_unit("weight", 2.2046), {}),
    ("feed_lost", "no creatinine", without("creatinine"), {}),
    ("feed_lost", "no laboratory", without("creatinine", "lactate", "glucose", "bilirubin"), {}),
    ("feed_lost", "no glucose for a third", without("glucose", share=0.35), {}),
    ("feed_lost", "no score without glucose", withheld(0.9, "missing", "glucose"), {}),
    ("unit_change", "a required one set aside", withheld(0.9, "out_of_range", "sodium"), {}),
    (
        "coding_change",
        "no score for a category",
        withheld_for_a_category("ventilation", "ja"),
        {},
    ),
    ("unit_change", "temperature set aside", set_aside("temperature"), {}),
    ("assay_bias", "sodium mostly set aside", set_aside("sodium", 0.3, 1.3), {}),
    ("assay_bias", "lactate a quarter lower", in_unit("lactate", 0.75), {}),
    ("assay_bias", "sodium 3 % higher", in_unit("sodium", 1.03), {}),
    ("coding_change", "one code for both", recoded(), {}),
    ("coding_change", "a code nobody knows", creatinine_under_a_code_that_nobody_knows, {}),
    ("coding_change", "a word nobody knows", ventilation_in_other_words, {}),
    ("coding_change", "one known code for the other", weighed_as(WEIGHED[1], WEIGHED[1]), {}),
    ("feed_lost", "one of two codes", weighed_as(WEIGHED[0], ""), {}),
    ("case_mix", "older by 9 years", as_they_are, {"older": 0.6}),
    ("season", "a wave of fever", as_they_are, {"wave": 0.8, "times": 1.8}),
    ("new_site", "measured otherwise", of_another_place, {}),
    ("new_site", "a site with codes of its own", of_a_new_site_with_other_codes, {}),
    ("prevalence", "40 % fewer outcomes", outcomes_times(0.6), {}),
    ("prevalence", "40 % more outcomes", outcomes_times(1.4), {}),
    ("label_delay", "six days later", lambda hospital, asked: {"late": 6}, {}),
    ("treatment_effect", "60 % averted", averted(0.6), {}),
    ("model_degraded", "most linked wrongly", linked_wrongly(0.6), {}),
    ("subgroup_only", "women linked wrongly", linked_wrongly(0.7, women), {}),
]


@pytest.fixture(scope="module")
def hospital():
    return Hospital()


def alarms_of(hospital, change, *, seed=0, times=1.0, older=0.0, wave=0.0):
    random = np.random.default_rng(seed)
    before = people(PER_DAY * 20, random)
    after = people(int(PER_DAY * AFTER * times), random, older=older, wave=wave)
    told = change(hospital, after)
    return first_alarms(*quarter(hospital, before, after, days=(20, AFTER), **told))


@pytest.mark.parametrize(("cause", "what", "change", "who"), CASES, ids=[one[1] for one in CASES])
def test_the_cause_that_was_made_is_the_one_alarm(hospital, cause, what, change, who):
    _, drafts = alarms_of(hospital, change, **who)

    assert [draft.cause for draft in drafts] == [cause]


def test_nothing_is_named_where_nothing_changed(hospital):
    assert alarms_of(hospital, as_they_are)[1] == []


def test_a_changed_unit_is_found_on_its_first_day_and_told_with_what_it_did(hospital):
    day, (draft,) = alarms_of(hospital, in_unit("creatinine", 88.4))

    assert day == ONSET
    assert draft.severity == "high"
    assert draft.signals == ("creatinine",)
    assert draft.key == "unit_change:creatinine"
    assert draft.score_share > 0.8
    assert draft.text.startswith("Creatinine comes about ")
    assert "as it would in µmol/L, since 24 October 2024" in draft.text
    assert "of the score shift" in draft.text


def test_a_signal_without_which_no_score_is_given_is_named(hospital):
    _, (draft,) = alarms_of(hospital, withheld(0.9, "missing", "glucose"))

    assert draft.signals == ("glucose",)
    assert draft.text.startswith(
        "Glucose does not come any more, and no score is given without it,"
    )


def test_a_category_for_which_no_score_is_given_is_told_with_its_text(hospital):
    day, (draft,) = alarms_of(hospital, withheld_for_a_category("ventilation", "ja"))

    assert day == ONSET
    assert (draft.signals, draft.severity) == (("ventilation",), "high")
    assert "'ja', which the declaration does not know, came in " in draft.text
    assert "and no score is given with it" in draft.text


@pytest.mark.parametrize(
    ("change", "signal", "told"),
    [
        (creatinine_under_a_code_that_nobody_knows, "creatinine", "'LOINC//38483-4'"),
        (ventilation_in_other_words, "ventilation", "'ja'"),
        (weighed_as(WEIGHED[1], WEIGHED[1]), "weight", f"'{WEIGHED[1]}'"),
        (weighed_as(WEIGHED[0], ""), "weight", f"'{WEIGHED[1]}'"),
    ],
)
def test_the_code_that_came_or_went_is_named_with_its_signal(hospital, change, signal, told):
    (draft,) = alarms_of(hospital, change)[1]

    assert draft.signals == (signal,)
    assert told in draft.text


def test_a_lost_feed_stays_one_where_no_other_code_comes(hospital):
    def lost(hospital, asked):
        without("creatinine")(hospital, asked)
        return {"codes": codes_of(asked)}

    assert [draft.cause for draft in alarms_of(hospital, lost)[1]] == ["feed_lost"]


def test_a_signal_that_the_model_hardly_uses_is_of_low_severity(hospital):
    (draft,) = alarms_of(hospital, in_unit("weight", 2.2046))[1]

    assert draft.severity == "low"


def test_what_follows_from_a_changed_unit_is_told_with_it_and_not_beside_it(hospital):
    (draft,) = alarms_of(hospital, in_unit("creatinine", 88.4))[1]

    streams = {finding.stream for finding in draft.findings}
    assert {"beyond:creatinine.last", "alert"} <= streams


def test_one_group_is_named_where_it_alone_is_ranked_worse(hospital):
    (draft,) = alarms_of(hospital, linked_wrongly(0.7, women))[1]

    assert draft.groups == ("sex: female",)
    assert draft.kind == "fairness"


def test_two_causes_at_once_are_two_alarms_that_share_no_finding(hospital):
    def both(hospital, asked):
        return in_unit("temperature", 1.8, 32)(hospital, asked) | without("glucose")(
            hospital, asked
        )

    drafts = alarms_of(hospital, both)[1]

    assert sorted(draft.cause for draft in drafts) == ["feed_lost", "unit_change"]
    taken = [finding.stream for draft in drafts for finding in draft.findings]
    assert len(taken) == len(set(taken))
