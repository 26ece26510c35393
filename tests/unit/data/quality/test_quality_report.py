"""The page for a data steward and its figures as JSON: whole, safe to show, without a network."""

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.records.quality import QualityGate
from bedside.data.quality import figures_of, judge_quality, render_html
from quality_data import a_source, an_event, quality_of, reported

SITE = "WARD//site"


class Page(HTMLParser):
    """Which elements, addresses and texts a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href", "action"}]

    def handle_data(self, data):
        self.words.append(data)


def a_ward(extra=()):
    rows = [
        event
        for s in range(1, 61)
        for event in (
            an_event(s, SITE, hours=None, text="North" if s % 2 else "South"),
            an_event(s, value=3.5 + s % 20 / 10, unit="mmol/L", hours=300 * s),
            an_event(s, "WARD//smoker", text="?" if s % 4 == 0 else "yes", hours=300 * s),
        )
    ]
    return [*rows, *extra]


def a_report(extra=()):
    source = a_source(quality={"site_code": SITE})
    return quality_of(a_ward(extra), source, conversion=reported(quarantined={"not JSON": 12}))


def test_the_page_asks_no_network_and_runs_no_script():
    page = Page(render_html(a_report()))

    assert "script" not in page.elements
    assert page.addresses == ["#what-to-do-next"]


def test_the_same_report_gives_the_same_page():
    assert render_html(a_report()) == render_html(a_report())


def test_the_page_has_a_part_for_each_check_of_kahn_and_ends_with_what_to_do_next():
    text = render_html(a_report())

    places = [
        text.index(words)
        for words in (
            "<h2>Conformance", "<h2>Completeness", "<h2>Plausibility", "<h2>Between sites",
            "<h2>Distribution and trend", '<h2 id="what-to-do-next">',
        )
    ]  # fmt: skip
    assert places == sorted(places)
    assert "declare it as missing" in text[places[-1] :]


def test_each_picture_is_told_in_words():
    text = render_html(a_report())

    assert text.count("<svg") == text.count('role="img" aria-label="') >= 3


def test_a_failed_gate_stands_at_the_top_with_its_figure():
    report = a_report()
    plan = a_source(
        quality={"gates": (QualityGate(check="completeness", code="WARD//smoker", at_least=0.9),)}
    ).quality

    text = render_html(report, judge_quality(report, plan))

    assert "✗ completeness of WARD//smoker: 75 % is not at least 90 %" in text


def test_the_figures_are_plain_json():
    figures = figures_of(a_report())

    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_text_of_the_data_cannot_become_part_of_the_page():
    evil = "<img src=x onerror=alert(1)>"
    events = [an_event(s, f"LOCAL//{evil}", text=evil, hours=s) for s in range(1, 31)] + [
        an_event(s, f"LOCAL//{evil}", value=1.0, unit=evil, hours=s) for s in range(1, 31)
    ]

    page = Page(render_html(quality_of(events, conversion=reported(dropped={evil: 99}))))

    assert "img" not in page.elements


@given(
    few=st.integers(1, 10),
    word=st.text("abcdefgh", min_size=12, max_size=20),
    value=st.floats(2345, 8765).map(lambda v: round(v, 3) + 0.0001),
)
@settings(max_examples=12, deadline=None)
def test_what_is_true_of_ten_or_fewer_is_shown_nowhere(few, word, value):
    secret = [an_event(s, "WARD//smoker", text=word, hours=s) for s in range(1, few + 1)]
    numbers = [an_event(s, value=value, unit="mmol/L", hours=s) for s in range(1, few + 1)]
    lonely = [an_event(s, "LOCAL//rare", value=value, unit="mg/L", hours=s)
              for s in range(1, few + 1)]  # fmt: skip

    report = a_report([*secret, *numbers, *lonely])
    page, figures = render_html(report), json.dumps(figures_of(report))

    for shown in (page, figures):
        assert word not in shown
        assert f"{value}" not in shown
        assert f"{value:.4g}" not in shown
    rare = next(c for c in figures_of(report)["codes"] if c["code"] == "LOCAL//rare")
    assert (rare["rows"], rare["subjects"]) == ("10 or fewer", "10 or fewer")
    assert rare["plausibility"]["quantiles"] == {}
    potassium = next(c for c in figures_of(report)["codes"] if c["code"] == "LOINC//2823-3")
    assert potassium["plausibility"]["outside"]["rows"] == "10 or fewer"
    assert "share" not in potassium["plausibility"]["inside"]


@pytest.mark.parametrize("subjects", [1, 10, 11])
def test_dates_are_shown_only_of_more_than_ten_patients(subjects):
    report = quality_of([an_event(s, value=4.0, unit="mmol/L") for s in range(subjects)])

    assert (figures_of(report)["first"] is None) == (subjects <= 10)
