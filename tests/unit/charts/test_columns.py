"""Columns and trends as pictures."""

from defusedxml import ElementTree

from bedside.charts.columns import histogram, trend


def texts_of(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.text]


def test_a_hidden_count_is_told_as_few_and_never_as_a_number():
    svg = histogram([0, 1, 2], [40, None], says="x")

    assert 'class="few"' in svg
    assert "1 to 2: 10 or fewer" in texts_of(svg)


def test_words_of_the_data_cannot_leave_the_picture():
    svg = trend(['<b>"&'], [3], [1.0], says='<script>"', unit="<i>")

    assert "<script" not in svg
    assert "<b>" not in svg
    assert '<b>"&: 3' in texts_of(svg)


def test_a_line_is_broken_where_there_is_no_median():
    svg = trend(list("abcde"), [20] * 5, [1.0, 2.0, None, 4.0, 5.0], says="x")

    assert svg.count("<polyline") == 2
    assert svg.count("<circle") == 4


def test_without_medians_only_the_counts_are_drawn():
    svg = trend(["a", "b"], [1, 2], [None, None], says="x")

    assert "polyline" not in svg
    assert svg.count("<rect") == 2


def test_the_scale_takes_in_what_lies_around_so_that_a_small_move_looks_small():
    def height(svg: str) -> float:
        heights = [float(one.get("cy", 0)) for one in ElementTree.fromstring(svg).iter("circle")]
        return max(heights) - min(heights)

    moved = [100.0, 101.0]

    alone = trend(["a", "b"], [1, 2], moved, says="x")
    among = trend(["a", "b"], [1, 2], moved, says="x", around=[50.0, 150.0])

    assert height(among) < height(alone) / 10
