"""Trained on 60 notes of MEDDOCAN; the figures of all 500 are made by benchmarks/deid_text.py."""

import pytest

from bedside.core.errors import Invalid
from bedside.privacy.text.annotated import AnnotatedNote, LabelledSpan
from bedside.privacy.text.engine import NoteFinder
from bedside.privacy.text.rules_pass import rules_for
from bedside.privacy.text.scores import score_notes, spans_by_kind
from bedside.privacy.text.tagger import Tagger
from bedside.privacy.text.training import TrainingOptions, kinds_of, train
from bedside.privacy.text.weights import read_weights, write_weights
from meddocan import meddocan

pytestmark = pytest.mark.xdist_group("text_labeller")  # its fixtures are made once


@pytest.fixture(scope="module")
def weights():
    return train(
        meddocan("train", 60), rules_for("es"), language="es", options=TrainingOptions(rounds=30)
    )


@pytest.fixture(scope="module")
def unseen():
    return meddocan("dev", 40)


def test_sixty_notes_teach_most_of_what_identifies(weights, unseen):
    tagger = Tagger(weights, rules_for("es"))

    score = score_notes(unseen, tagger.labelled([note.text for note in unseen]))["all"]

    assert score.f1 > 0.89
    assert score.tokens.value > 0.92


def test_doubt_takes_more_and_the_whole_engine_most(weights, unseen):
    texts = [note.text for note in unseen]
    sure, doubting = (
        NoteFinder("es", weights=weights, doubt=doubt).find(texts) for doubt in (1.0, 0.05)
    )

    few, many = (
        score_notes(unseen, [spans_by_kind(spans) for spans in found])["all"].tokens.value
        for found in (sure, doubting)
    )

    assert few <= many
    assert many > 0.96


def test_a_labeller_reads_the_same_again_and_finds_the_same(weights, unseen):
    again = read_weights(write_weights(weights))
    texts = [note.text for note in unseen[:5]]

    assert write_weights(again) == write_weights(weights)
    assert Tagger(again, rules_for("es")).labelled(texts) == Tagger(
        weights, rules_for("es")
    ).labelled(texts)


def test_a_labeller_whose_bytes_are_not_of_its_digest_is_refused(weights):
    with pytest.raises(Invalid, match="not a labeller"):
        read_weights(write_weights(weights), "0" * 64)


def test_notes_are_labelled_the_same_one_by_one_and_together(weights, unseen):
    tagger = Tagger(weights, rules_for("es"))
    texts = [note.text for note in unseen[:6]]

    assert tagger.labelled(texts) == [tagger.labelled([text])[0] for text in texts]


def test_labels_of_nobody_are_refused_without_being_repeated():
    note = AnnotatedNote(
        name="a", text="Ana", spans=(LabelledSpan(start=0, end=3, label="SECRETO"),)
    )

    with pytest.raises(Invalid) as caught:
        train([note], rules_for("es"), language="es")

    assert "SECRETO" not in str(caught.value)
    assert kinds_of(["PERSON"]) == {"PERSON": "name"}
