"""Which threshold fits the staff: worked out from aggregated figures alone."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Alerts, Evaluation, Threshold
from bedside.develop.evaluate.alerts import alert_evidence, timeline_of, walk
from bedside.develop.evaluate.burden import burden_of, burden_pictures, render_burden
from bedside.develop.evaluate.statistics import Rows


def a_ward(patients: int = 300, ill: int = 80) -> Rows:
    generator = np.random.default_rng(3)
    event = np.where(np.arange(patients) < ill, generator.integers(6, 30, patients), np.inf)
    hours = np.tile(np.arange(30.0), patients)
    event = np.repeat(event, 30)
    near = (event - hours >= 0) & (event - hours <= 8)
    return Rows(
        risk=np.clip(generator.uniform(0, 0.7, len(hours)) + 0.1 * near, 0, 1),
        label=near.astype(np.int64),
        subject=np.repeat(np.arange(patients), 30),
        days=np.full(len(hours), 1 / 24),
        hours=hours,
        event_hours=np.where(np.isinf(event), np.nan, event),
    )


ROWS = a_ward()
ALERTS = alert_evidence(
    ROWS,
    0.6,
    Evaluation(
        threshold=Threshold(value=0.6),
        burden_per="day",
        bootstrap=100,
        alerts=Alerts(lead="8 h", snooze="6 h"),
    ),
    1,
)


def burden(**asked):
    options = {"threshold": 0.6, "beds": 20, "capacity": 10.0, "snooze_hours": 6.0} | asked
    return burden_of(ALERTS, **options)


def test_the_load_of_the_threshold_is_what_its_alerts_come_to_in_so_many_beds():
    timeline = timeline_of(ROWS, 8)
    done = walk(timeline, ROWS.risk >= 0.6, 6)

    current = burden().current

    a_bed = done.counts[:, 0].sum() / ROWS.days.sum()
    assert current.alerts_per_day == pytest.approx(20 * a_bed, rel=1e-3)
    assert current.share_of_capacity == pytest.approx(20 * a_bed / 10, rel=1e-3)
    assert current.event_sensitivity == pytest.approx((done.lead >= 0).mean(), rel=1e-3)


def test_of_the_thresholds_that_fit_the_one_that_finds_most_is_best():
    made = burden()

    assert {load.snooze_hours for load in made.fitting} == {0, 3, 6, 12, 24}
    assert all(load.alerts_per_day <= 10 for load in made.fitting)
    for load in made.fitting:
        line = ALERTS["grid"]["snooze_hours"].index(load.snooze_hours)
        fitting = [
            found
            for found, alerts in zip(
                ALERTS["grid"]["event_sensitivity"][line],
                ALERTS["grid"]["alerts_per_patient_day"][line],
                strict=True,
            )
            if found is not None and alerts * 20 <= 10
        ]
        assert load.event_sensitivity == max(fitting)
    assert made.best.event_sensitivity == max(load.event_sensitivity for load in made.fitting)


def test_more_staff_never_find_fewer_events():
    found = [burden(capacity=float(many)).best for many in (2, 5, 10, 40, 200)]

    shares = [load.event_sensitivity if load else 0.0 for load in found]
    assert shares == sorted(shares)
    assert shares[-1] > shares[1]


def test_without_enough_staff_nothing_fits_and_without_a_capacity_nothing_is_said_to():
    assert burden(capacity=0.001).best is None
    assert burden(capacity=0.001).choices
    unknown = burden(capacity=None)
    assert unknown.best is None
    assert unknown.current.share_of_capacity is None


@pytest.mark.parametrize("asked", [{"beds": 0}, {"capacity": 0.0}, {"snooze_hours": 5.0}])
def test_what_cannot_be_asked_is_refused_with_what_can(asked):
    with pytest.raises(Invalid) as refused:
        burden(**asked)

    if "snooze_hours" in asked:
        assert "0 h, 3 h, 6 h, 12 h, 24 h" in refused.value.fix


class Page(HTMLParser):
    """The elements of a page, and its links to outside."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.outside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.outside += [v for k, v in attrs if k in ("src", "href") and not v.startswith("#")]


def test_the_page_answers_first_and_needs_no_script_and_no_network():
    made = burden()

    text = render_burden("Sepsis <early>", "m@1", ALERTS, made)

    page = Page(text)
    assert "script" not in page.elements
    assert not page.outside
    assert "Sepsis &lt;early&gt;" in text
    answer = re.sub(r"<[^>]+>", "", text[text.index('class="status"') : text.index("<figure>")])
    assert f"a threshold of {made.best.threshold:.4g} with a snooze of" in " ".join(answer.split())
    assert text.count("<svg") == len(burden_pictures(ALERTS, made)) == 2


def test_a_threshold_that_differs_by_group_has_no_load_of_its_own():
    assert burden(threshold=None).current is None
    assert "As it is built" not in render_burden("t", "v", ALERTS, burden(threshold=None))


def test_a_load_that_is_just_at_the_capacity_fits():
    load = burden().fitting[0]

    assert replace(load, share_of_capacity=1.0).fits
    assert not replace(load, share_of_capacity=1.001).fits
