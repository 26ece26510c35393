import json

import pytest

from bedside.core.errors import Invalid, NotFound
from bedside.privacy.text.annotated import (
    AnnotatedNote,
    LabelledSpan,
    annotated_folder,
    brat_note,
    json_note,
    to_json,
)
from bedside.privacy.text.scores import Share, score_notes

ANA = LabelledSpan(start=8, end=11, label="NAME")


def test_brat_and_our_own_lines_say_the_same(tmp_path):
    (tmp_path / "a.txt").write_text("Seen by Ana.\n")
    (tmp_path / "a.ann").write_text("T1\tNAME 8 11\tAna\n#1\tNote T1\tsure\n")
    (tmp_path / "b.jsonl").write_text(
        to_json(AnnotatedNote(name="a", text="Seen by Ana.\n", spans=(ANA,)))
    )

    first, second = annotated_folder(tmp_path)

    assert first == second
    assert first.spans == (ANA,)


@pytest.mark.parametrize("line", ["T1\tNAME 8 99\tAna", "T1\tNAME 8\tAna", "T1\tNAME 8 11\tEva"])
def test_an_annotation_that_says_something_else_is_refused_by_its_line_alone(line):
    with pytest.raises(Invalid, match="Line 1") as caught:
        brat_note("a", "Seen by Ana.", line)

    assert "Ana" not in str(caught.value)


@pytest.mark.parametrize(
    "line", ["", "[]", "{}", json.dumps({"name": "a", "text": "b", "spans": [{"start": "0"}]})]
)
def test_a_line_of_another_form_is_refused(line):
    with pytest.raises(Invalid):
        json_note(line)


def test_a_folder_without_notes_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        annotated_folder(tmp_path)


def test_strict_loose_and_token_figures_count_what_they_say():
    name = LabelledSpan(start=0, end=8, label="NAME")
    year = LabelledSpan(start=10, end=14, label="DATE")
    note = AnnotatedNote(name="a", text="Ana Ruiz, 2010", spans=(name, year))
    part = LabelledSpan(start=0, end=3, label="NAME")

    scores = score_notes([note], [[part, year]])

    assert scores["NAME"].recall == Share(hits=0, of=1)
    assert scores["NAME"].relaxed_recall == Share(hits=1, of=1)
    assert scores["NAME"].tokens == Share(hits=1, of=2)
    assert scores["all"].f1 == 0.5
    assert scores["all"].tokens == Share(hits=2, of=3)
