"""The flow of participants as a picture."""

from defusedxml.ElementTree import fromstring

from bedside.charts.flow import FlowBox, flow_chart


def test_every_step_has_a_box_and_who_was_left_out_stands_beside_it():
    svg = flow_chart(
        [
            FlowBox(text="all subjects", kept="4,000 subjects"),
            FlowBox(text="asked", kept="3,500 subjects", dropped="left out: 500 subjects"),
        ],
        says="the flow",
    )

    root = fromstring(svg)
    kinds = [box.get("class") for box in root.iter("rect")]
    assert sorted(kinds) == ["dropped", "kept", "kept"]
    assert "left out: 500 subjects" in [text.text for text in root.iter("text")]


def test_what_a_declaration_says_cannot_break_the_picture():
    svg = flow_chart([FlowBox(text='<script>"&', kept="1")], says='"<&')

    assert fromstring(svg).get("aria-label") == '"<&'
    assert "<script>" not in svg


def test_long_texts_are_wrapped_and_boxes_do_not_overlap():
    boxes = [FlowBox(text="word " * 40, kept="1", dropped="left out " * 20) for _ in range(4)]

    root = fromstring(flow_chart(boxes, says="s"))

    kept = [box for box in root.iter("rect") if box.get("class") == "kept"]
    tops = [float(box.get("y")) for box in kept]
    ends = [float(box.get("y")) + float(box.get("height")) for box in kept]
    assert all(end < top for end, top in zip(ends, tops[1:], strict=False))
