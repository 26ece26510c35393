"""Lines, forests, crossed tables and people as pictures."""

import pytest
from defusedxml import ElementTree

from bedside.charts.crossed import crossed_chart
from bedside.charts.forest import ForestRow, forest_chart
from bedside.charts.frame import ticks
from bedside.charts.lines import Line, Mark, line_chart
from bedside.charts.people import People, people_chart, shared_out

EVIL = '</svg><script>"&'


def drawn(svg: str) -> list[ElementTree]:
    return list(ElementTree.fromstring(svg).iter())


def chart(*lines: Line, **more) -> str:
    return line_chart(lines, title="t", says="s", x_title="x", y_title="y", **more)


def points(svg: str, tag: str = "polyline") -> list[tuple[float, float]]:
    (one,) = [element for element in drawn(svg) if element.tag == tag]
    return [tuple(map(float, pair.split(","))) for pair in one.get("points").split()]


@pytest.mark.parametrize(
    "svg",
    [
        line_chart([Line(name=EVIL, x=[0], y=[0])], title=EVIL, says=EVIL, x_title=EVIL,
                   y_title=EVIL, marks=[Mark(x=0.5, text=EVIL)]),
        forest_chart([ForestRow(name=EVIL, why=EVIL), ForestRow(name=EVIL, estimate=1.0, n=EVIL)],
                     title=EVIL, says=EVIL, figure_title=EVIL, n_title=EVIL),
        crossed_chart([EVIL], [EVIL], [[1.0]], title=EVIL, says=EVIL, row_title=EVIL,
                      column_title=EVIL),
        people_chart([People(count=1, text=EVIL)], title=EVIL, says=EVIL),
    ],
    ids=["lines", "forest", "crossed", "people"],
)  # fmt: skip
def test_words_of_the_data_cannot_leave_a_picture_and_it_is_named_and_described(svg):
    root, *inside = drawn(svg)

    assert all(element.tag != "script" for element in inside)
    assert root.get("role") == "img"
    assert root.get("aria-label") == EVIL
    assert inside[0].tag == "desc"
    assert inside[0].text == EVIL


def test_a_step_holds_its_value_until_the_next_point():
    svg = chart(Line(name="", x=[0, 0.5, 1], y=[0, 0.5, 1], steps=True))

    made = points(svg)

    assert len(made) == 5
    assert made[0][1] == made[1][1] != made[2][1]


def test_a_band_goes_along_the_low_end_and_back_along_the_high_one():
    svg = chart(Line(name="", x=[0, 1], y=[0.5, 0.5], low=[0.2, 0.2], high=[0.9, 0.9], band=True))

    around = points(svg, "polygon")

    assert [x for x, _ in around] == [62, 504, 504, 62]
    assert around[0][1] == around[1][1] > around[2][1] == around[3][1]


def test_what_lies_outside_the_axis_is_not_drawn_and_names_do_not_lie_upon_each_other():
    svg = chart(*(Line(name=f"a rather long name {n}", x=[0, 2], y=[0, 9]) for n in range(4)))

    names = [e for e in drawn(svg) if e.tag == "text" and (e.text or "").startswith("a rather")]

    assert len({(e.get("x"), e.get("y")) for e in names}) == 4
    lines = [element for element in drawn(svg) if element.tag == "polyline"]
    assert all(len(line.get("points").split()) == 1 for line in lines)


def test_a_line_is_cut_where_it_leaves_the_plot_and_goes_on_where_it_comes_back():
    svg = chart(Line(name="", x=[0, 0.25, 0.5, 1], y=[0.5, 1.5, -0.5, 0.5]))

    runs = [e.get("points").split() for e in drawn(svg) if e.tag == "polyline"]

    ends = [tuple(float(run[at].split(",")[0]) for at in (0, -1)) for run in runs]
    left, wide = 62, 442
    assert ends == [
        pytest.approx((left, left + 0.125 * wide), abs=0.1),
        pytest.approx((left + 0.3125 * wide, left + 0.4375 * wide), abs=0.1),
        pytest.approx((left + 0.75 * wide, left + wide), abs=0.1),
    ]


def test_lines_differ_by_more_than_their_colour():
    svg = chart(*(Line(name="", x=[0.5], y=[0.5], dots=True, drawn=False) for _ in range(5)))

    shapes = [element.get("d") for element in drawn(svg) if "dot" in element.get("class", "")]

    assert len({shape.split("a")[0][:3] + shape[-12:] for shape in shapes}) == 5


def test_a_hidden_group_of_a_forest_has_its_reason_and_no_mark():
    rows = [
        ForestRow(name="men", estimate=0.8, low=0.7, high=0.9, n="50", stands_out=True),
        ForestRow(name="others", why="10 patients or fewer"),
    ]

    svg = forest_chart(rows, title="t", says="s", figure_title="AUROC", overall=0.75)

    texts = [element.text for element in drawn(svg) if element.tag == "text"]
    assert {"men *", "0.800 (0.700 to 0.900)", "50", "10 patients or fewer"} <= set(texts)
    assert svg.count('class="dot') == 1
    assert svg.count('class="mark"') == 1


def test_a_thousand_patients_are_shared_out_whole():
    shares = [0.0333, 0.0667, 0.15, 0.75]

    counts = shared_out(1000, shares)

    assert sum(counts) == 1000
    assert all(abs(count - 1000 * share) < 1 for count, share in zip(counts, shares, strict=True))
    svg = people_chart([People(count=n, text="x") for n in counts], title="t", says="s")
    assert svg.count("M") == 1004


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.002, 0.2), (-3.3, 8.1), (0, 12345), (2, 2)])
def test_ticks_are_round_and_inside(low, high):
    made = ticks(low, high)

    assert all(low <= tick <= high for tick in made)
    assert 1 <= len(made) <= 11
    assert all(len(f"{tick:.10g}".strip("-0.").rstrip("0")) <= 4 for tick in made)
