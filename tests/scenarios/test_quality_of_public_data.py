"""A steward opens the quality report on real patients: what is wrong with the data stands there."""

import csv
import gzip
from collections import Counter

import pytest

from bedside.core.records.quality import QualityGate
from bedside.data.quality import figures_of, judge_quality, render_html
from data_folder import data_folder
from quality_data import a_source, an_event, quality_of, reported

pytestmark = pytest.mark.xdist_group("quality_of_public_data")  # its fixtures are made once

UNITS = {"trestbps": ("LOINC//8480-6", "mmHg"), "chol": ("LOINC//2093-3", "mg/dl"),
         "ca": ("UCI//ca", "{vessels}")}  # fmt: skip
WORDS = ("cp", "slope", "thal")


@pytest.fixture(scope="module")
def heart():
    """Rows of both hospitals as they lie in the files, and their events."""
    folder = data_folder("uci-heart-disease")
    rows = [
        {**row, "site": site}
        for site in ("cleveland", "hungarian")
        for row in csv.DictReader(
            (folder / f"processed.{site}.csv").read_text(encoding="utf-8").splitlines()
        )
    ]
    events, dropped = [], Counter()
    for subject, row in enumerate(rows):
        events.append(an_event(subject, "UCI//site", hours=None, text=row["site"]))
        events += [an_event(subject, f"UCI//{name}", text=row[name]) for name in WORDS]
        for name, (code, unit) in UNITS.items():
            if row[name] == "?":
                dropped[f"{name}: not a number"] += 1
            else:
                events.append(an_event(subject, code, value=float(row[name]), unit=unit))
    return rows, events, dropped


def test_the_heart_data_tell_which_hospital_lacks_what_and_how_it_writes_nothing(heart):
    rows, events, dropped = heart
    source = a_source(
        quality={"site_code": "UCI//site", "expected": ("UCI//ca", "LOINC//2093-3"),
                 "gates": (QualityGate(check="completeness", code="UCI//ca", at_least=0.9),)}
    )  # fmt: skip

    report = quality_of(events, source, conversion=reported(dropped=dict(dropped)))
    (gate,) = judge_quality(report, source.quality)
    page = render_html(report, (gate,))

    codes = {code.code: code for code in report.codes}
    assert codes["UCI//ca"].counted.subjects == sum(row["ca"] != "?" for row in rows)
    assert codes["UCI//thal"].answered.rows == sum(row["thal"] != "?" for row in rows)
    for site in codes["UCI//slope"].sites:
        mine = [row for row in rows if row["site"] == site.site]
        assert site.subjects == len(mine)
        assert site.answered.subjects == sum(row["slope"] != "?" for row in mine)
    kinds = [finding.kind for finding in report.findings]
    assert kinds.count("sites_differ") == 3  # ca, thal and slope, nearly all in Budapest
    assert {"word_for_missing", "written_two_ways", "dropped"} < set(kinds)
    assert not gate.passed
    assert "“?” stands in" in page
    assert "missing: [&#34;?&#34;]" in page
    assert page.index("✗ completeness of UCI//ca") < page.index("What to do next</h2>")


def test_cholesterol_is_not_set_to_nought_in_these_two_hospitals(heart):
    _, events, _ = heart

    (chol,) = [code for code in quality_of(events).codes if code.code == "LOINC//2093-3"]

    assert chol.spikes == ()
    assert (chol.plausible, chol.implausible.rows) == (chol.values, 0)


def test_the_readmission_data_tell_both_words_for_missing_and_that_visits_have_no_date():
    path = data_folder("diabetes-130-hospitals") / "diabetic_data.csv.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    rows = [row for row in csv.DictReader(lines) if int(row["patient_nbr"]) % 20 == 0]
    words = ("race", "weight", "max_glu_serum", "payer_code", "diag_1")
    events = [
        event
        for row in rows
        for event in (
            *(an_event(int(row["patient_nbr"]), f"UCI//{name}", text=row[name],
                       hours=None if name == "race" else 0.0) for name in words),
            an_event(int(row["patient_nbr"]), "UCI//days", value=float(row["time_in_hospital"]),
                     unit="days"),
        )
    ]  # fmt: skip

    report = quality_of(events, a_source(quality={"expected": ("UCI//weight",)}))

    told = {finding.seen.split(" ")[0]: finding for finding in report.findings
            if finding.kind == "word_for_missing"}  # fmt: skip
    for word in ("?", "None"):
        met = {name: [row for row in rows if row[name] == word] for name in words}
        of_many = [
            len(found) for found in met.values() if len({row["patient_nbr"] for row in found}) > 10
        ]
        assert told[f"“{word}”"].rows == sum(of_many) > 1000
    missing = next(f for f in report.findings if f.kind == "expected_missing")
    with_weight = {row["patient_nbr"] for row in rows if row["weight"] != "?"}
    assert missing.subjects == report.subjects - len(with_weight)
    several = next(f for f in report.findings if f.kind == "several_at_once")
    assert "UCI//days" in several.codes
    assert figures_of(report)["every"] is None
