"""What a steward is told: each planted fault is found, said in words, and can be declared."""

import pytest

from bedside.core.records.quality import QualityGate
from bedside.data.quality import judge_quality
from quality_data import a_source, an_event, quality_of, reported

POTASSIUM, GLUCOSE, SITE = "LOINC//2823-3", "LOINC//2345-7", "WARD//site"


def potassium(subjects=range(1, 31), **more):
    return [
        an_event(s, value=3.5 + s % 20 / 10, unit="mmol/L", hours=30 * s, **more) for s in subjects
    ]


def kinds(report):
    return [finding.kind for finding in report.findings]


def the(report, kind):
    (found,) = [finding for finding in report.findings if finding.kind == kind]
    return found


def test_clean_data_give_no_finding():
    assert quality_of(potassium()).findings == ()


def test_a_unit_that_nobody_knows_is_told_with_what_to_declare():
    report = quality_of([an_event(s, value=4.0, unit="mmols?", hours=40 * s) for s in range(1, 31)])

    found = the(report, "unit_not_understood")
    assert (found.check, found.rows, found.subjects) == ("conformance", 30, 30)
    assert "[mmols?]" in found.seen
    assert 'unit_spellings:\n    "mmols?": mmol/L' in found.declare


def test_a_unit_that_few_wrote_is_not_repeated_for_it_may_be_a_slip():
    report = quality_of([*potassium(), an_event(31, value=4.0, unit="Mrs Miller")])

    assert "Miller" not in the(report, "unit_not_understood").seen


def test_moles_of_a_mass_are_told_to_need_a_molar_mass():
    report = quality_of(
        [an_event(s, GLUCOSE, value=5.0, unit="mmol/L", hours=40 * s) for s in range(1, 31)]
    )

    found = the(report, "unit_clash")
    assert "molar mass" in found.seen
    assert "molar_masses" in found.declare


def test_a_question_mark_is_told_as_a_word_for_missing_and_does_not_count_as_an_answer():
    rows = [an_event(s, "WARD//smoker", text="?" if s % 3 else "yes", hours=40 * s)
            for s in range(1, 61)]  # fmt: skip

    report = quality_of(rows, a_source(quality={"expected": ("WARD//smoker",)}))

    assert the(report, "word_for_missing").rows == 40
    assert 'missing: ["?"]' in the(report, "word_for_missing").declare
    assert the(report, "expected_missing").subjects == 40


def test_a_word_that_the_source_declares_is_a_word_for_missing_too():
    rows = [an_event(s, "WARD//smoker", text="leer", hours=40 * s) for s in range(1, 31)]

    plain = quality_of(rows)
    declared = quality_of(rows, a_source(quality={"missing_words": ("Leer",)}))

    assert kinds(plain) == []
    assert kinds(declared) == ["word_for_missing"]


def test_an_unknown_sex_is_an_answer():
    rows = [an_event(s, "BEDSIDE//sex", hours=None, text="unknown") for s in range(1, 31)]

    assert "word_for_missing" not in kinds(quality_of([*rows, *potassium()]))


def test_one_answer_that_is_written_in_two_ways_is_told():
    rows = [an_event(s, "WARD//pain", text="4" if s % 2 else "4.0", hours=40 * s)
            for s in range(1, 61)]  # fmt: skip

    assert "“4.0” and “4”" in the(quality_of(rows), "written_two_ways").seen or (
        "“4” and “4.0”" in the(quality_of(rows), "written_two_ways").seen
    )


def test_a_sentinel_that_the_range_sets_aside_is_named_there_and_only_there():
    wrong = [an_event(s, value=-9.0, unit="mmol/L", hours=30 * s + 1) for s in range(1, 31)]

    report = quality_of([*potassium(), *potassium(range(31, 90)), *wrong])

    assert the(report, "out_of_range").rows == 30
    assert "exactly -9" in the(report, "out_of_range").seen
    assert "spike" not in kinds(report)


def test_a_value_that_stands_apart_is_told_where_there_is_no_range():
    def lab(s, value):
        return an_event(s, "LOCAL//chol", value=value, unit="mg/dL", hours=30 * s)

    values = [lab(s, 150.0 + s) for s in range(1, 90)]

    report = quality_of([*values, *(lab(s, 0.0) for s in range(1, 16))])

    assert the(report, "spike").subjects == 15
    assert "exactly 0" in the(report, "spike").seen


def test_a_count_that_is_mostly_nought_is_no_surprise():
    counts = [round(40 / (1 + n) ** 2) for n in range(25)]
    rows = [an_event(s, "LOCAL//visits", value=float(n), unit="{count}", hours=s)
            for n, many in enumerate(counts) for s in range(max(many, 1))]  # fmt: skip

    assert "spike" not in kinds(quality_of(rows))


def test_blood_pressures_that_end_in_nought_are_told_last():
    rows = [an_event(s, "LOINC//8480-6", value=float(90 + 10 * (s % 9)), unit="mmHg", hours=30 * s)
            for s in range(1, 120)]  # fmt: skip

    report = quality_of([*rows, an_event(1, "LOINC//8480-6", value=999.0, unit="mmHg")])

    assert kinds(report)[-1] == "rounded_by_hand"
    assert "out_of_range" in kinds(report)


def test_two_sexes_and_two_deaths_of_one_patient_are_contradictions():
    report = quality_of(
        [
            an_event(1, "BEDSIDE//sex", hours=None, text="male"),
            an_event(1, "BEDSIDE//sex", hours=None, text="female"),
            an_event(2, "MEDS//DEATH", hours=50),
            an_event(2, "MEDS//DEATH", hours=90),
            *potassium(),
        ]
    )

    assert the(report, "contradiction").codes == ("BEDSIDE//sex",)
    assert the(report, "several_at_once").codes == ("MEDS//DEATH",)


def test_a_repeated_result_is_told():
    report = quality_of([*potassium(), *potassium()])

    assert (the(report, "repeated").rows, the(report, "repeated").subjects) == (30, 30)


def test_a_step_of_the_median_is_told_with_both_periods():
    def year(start, value):
        return [
            an_event(s, "LOCAL//crp", value=value + s % 9 / 10, unit="mg/L", hours=24 * (start + s))
            for s in range(1, 300)
        ]

    found = the(quality_of([*year(0, 2.0), *year(365, 8.0)]), "step_in_time")

    assert "2020-1" in found.seen
    assert "from 2" in found.seen
    assert "to 8" in found.seen


def test_a_hole_in_the_middle_is_told():
    rows = [an_event(s, value=4.0 + s % 20 / 10, unit="mmol/L", hours=24 * day)
            for day in range(0, 500, 5) if not 180 < day < 300 for s in range(1, 31)]  # fmt: skip
    everybody = [an_event(s, "ICD10//I10", hours=24 * day) for s in (1, 2) for day in range(500)]

    found = the(quality_of([*rows, *everybody]), "gap_in_time")

    assert "2020-08" in found.seen


def test_a_site_that_lacks_what_another_has_and_one_whose_unit_differs_are_told():
    sites = [an_event(s, SITE, hours=None, text="North" if s <= 40 else "South")
             for s in range(1, 81)]  # fmt: skip
    north = [an_event(s, "LOCAL//crp", value=2.0 + s % 9 / 10, unit="mg/L", hours=30 * s)
             for s in range(1, 41)]  # fmt: skip
    south = [an_event(s, "LOCAL//crp", value=20.0 + s % 9, unit="mg/L", hours=30 * s)
             for s in range(41, 81)]  # fmt: skip

    report = quality_of(
        [*sites, *north, *south, *potassium(range(1, 41))], a_source(quality={"site_code": SITE})
    )

    assert "South" in the(report, "sites_differ").seen
    assert the(report, "sites_differ").codes == (POTASSIUM,)
    assert the(report, "sites_apart").codes == ("LOCAL//crp",)


def test_what_never_became_an_event_is_told_after_what_touches_patients():
    report = quality_of(
        [*potassium(), *[an_event(s, value=99.0, unit="mmol/L", hours=s) for s in range(1, 31)]],
        conversion=reported(
            quarantined={"not JSON": 12}, dropped={"no subject": 40}, codes_unknown={"urn:x|K": 20}
        ),
    )

    assert [k for k in kinds(report) if k != "no_time"] == [
        "out_of_range", "dropped", "codes_unknown", "unreadable",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "code", "share"),
    [
        ("conformance", None, 0.6),
        ("plausibility", POTASSIUM, 0.5),
        ("completeness", POTASSIUM, 0.75),
    ],
)
def test_a_gate_is_judged_by_the_exact_share(check, code, share):
    rows = [
        *(an_event(s, value=4.0, unit="mmol/L", hours=s) for s in range(1, 31)),
        *(an_event(s, value=99.0, unit="mmol/L", hours=s) for s in range(31, 61)),
        *(an_event(s, value=4.0, unit="x?", hours=s) for s in range(21, 61)),
        *(an_event(s, "ICD10//I10", hours=s) for s in range(61, 81)),
    ]
    report = quality_of(rows)

    for at_least, passed in ((share, True), (share + 0.001, False)):
        plan = a_source(
            quality={"gates": (QualityGate(check=check, at_least=at_least, code=code),)}
        ).quality
        (result,) = judge_quality(report, plan)
        assert (result.metric, result.passed) == (check, passed), result.text


def test_a_gate_without_anything_to_judge_does_not_pass():
    plan = a_source(quality={"gates": (QualityGate(check="plausibility", at_least=0.0),)}).quality

    (result,) = judge_quality(quality_of([an_event(code="ICD10//I10")]), plan)

    assert not result.passed
    assert "no figure" in result.text
