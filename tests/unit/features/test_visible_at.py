"""What the hospital could see at a moment."""

from datetime import timedelta

from bedside.features.inputs import visible_at
from served import NOW, an_event


def test_a_correction_hides_what_it_corrects_as_soon_as_it_is_known_whatever_time_it_tells():
    wrong = an_event("LAB//x", 9.0, source_row=b"wrong")
    later = an_event(
        "LAB//x", 1.0, source_row=b"right", replaces=b"wrong",
        time=NOW + timedelta(hours=1), known_at=NOW - timedelta(minutes=1),
    )  # fmt: skip

    assert visible_at([wrong, later], NOW) == []
    assert visible_at([wrong, later], NOW - timedelta(minutes=2)) == [wrong]
