"""The page that a clinician and an engineer read together."""

from html.parser import HTMLParser

import numpy as np
import pytest

from bedside.monitor.report import render_report
from watched import a_reference, halves, stays, watched


class Page(HTMLParser):
    """Which elements and addresses a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href", "action"}]


def a_moved_report():
    then, now = halves(1)
    now = now.with_column("worst area", 10 * now.column("worst area"))
    return watched(then, now)


def test_a_page_has_no_script_and_asks_no_network():
    page = Page(render_report(a_moved_report(), title="Biopsies, version 1"))

    assert "script" not in page.elements
    assert page.addresses == []


def test_the_same_report_gives_the_same_page():
    report = a_moved_report()

    assert render_report(report, title="x") == render_report(report, title="x")


def test_what_moved_stands_before_everything_else():
    text = render_report(a_moved_report(), title="x")

    places = [
        text.index(words)
        for words in (
            "Something moved",
            "What moved",
            "Features that moved",
            "Predicted risks",
            "All features",
        )
    ]
    assert places == sorted(places)


def test_each_picture_is_told_in_words_and_says_when_to_worry():
    text = render_report(a_moved_report(), title="x")

    page = Page(text)
    assert page.elements.count("svg") == text.count('role="img" aria-label="') == 3
    assert text.count("orry when") == 3


def test_a_quiet_page_says_so_and_draws_no_feature():
    text = render_report(watched(*halves(1)), title="x")

    assert "Nothing moved by more than chance" in text
    assert "Features that moved" not in text


def test_a_page_without_labels_says_what_cannot_be_known():
    then, now = halves(1)

    text = render_report(watched(then, now, label=None), title="x")

    assert "What cannot be known yet" in text
    assert "Calibration slope" not in text


def test_a_page_of_too_few_patients_says_nothing_else():
    then, now = halves(1)

    text = render_report(watched(then, now.where(np.arange(20))), title="x")

    assert "Too few patients to say anything" in text
    assert "svg" not in Page(text).elements


def test_a_page_with_a_suppressed_group_and_a_feature_nobody_has_can_be_read():
    then, now = stays(1, rows=1), stays(2, rows=1)
    then = then.with_column("signal 4", np.full(then.label.size, np.nan))
    sex = np.where(now.subject < 3, "unstated", now.groups["sex"])

    text = render_report(watched(then, now, groups={"sex": sex}), title="x")

    assert "10 patients or fewer: not shown" in text
    assert "too few patients had it when the model was released" in text


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x>'])
def test_words_from_a_declaration_cannot_become_elements(hostile):
    then, now = halves(1)
    now = now.with_column("worst area", 10 * now.column("worst area"))
    reference = a_reference(
        then, labels_text={"worst area": hostile}, groups={hostile: then.groups["texture"]}
    )

    report = watched(reference, now, groups={hostile: now.groups["texture"]})
    page = Page(render_report(report, title=hostile, note=hostile))

    assert {"script", "img"} & set(page.elements) == set()
