"""What is promised of sets, intervals and the domain is measured on held-out subjects."""

import numpy as np
import pytest
from scipy.stats import binomtest

from bedside.develop.evaluate.statistics import Rows
from bedside.develop.evaluate.sureness import sureness_evidence, sureness_sentences
from bedside.develop.train.conforming import learn_conformal
from bedside.develop.train.likeness import learn_domain
from bedside.develop.train.matrix import Matrix
from bedside.models.conformal import ConformalInterval, ConformalSets
from bedside.models.form import Additive, Member, ModelForm, Term
from bedside.models.uncertainty import LearntUncertainty

LABELS = ("sepsis: no", "sepsis: yes")


def a_form(outcome="binary", link="logistic"):
    """A model whose margin is its only feature."""
    line = Term(kind="linear", features=(0,), scores=((1.0, 0.0),))
    part = Additive(intercept=(0.0,), terms=(line,))
    return ModelForm(outcome=outcome, link=link, width=1, members=(Member(part=part),))


def judged(margin, label, subject=None, **more):
    whose = np.arange(len(label)) if subject is None else np.asarray(subject)
    rows = Rows(risk=margin, label=label, subject=whose, days=np.ones(len(label)), **more)
    return margin[:, None], rows


def test_the_share_of_each_label_is_measured_with_its_interval():
    random = np.random.default_rng(1)
    label = (random.random(800) < 0.4).astype(np.int64)
    margin = random.normal(size=800) + 2 * label
    tuning = Matrix(features=margin[:400, None], label=label[:400], names=("x",))
    sets = learn_conformal(a_form(), tuning, 0.9)

    told = sureness_evidence(
        LearntUncertainty(conformal=sets), a_form(), *judged(margin[400:], label[400:]), LABELS
    )

    new = margin[400:], label[400:]
    yes = new[0][new[1] == 1] >= -sets.limits[1]
    held = told["coverage"]["held"]["sepsis: yes"]
    wilson = binomtest(int(yes.sum()), len(yes)).proportion_ci(method="wilson")
    assert (held["estimate"], held["n"]) == (pytest.approx(yes.mean()), len(yes))
    assert (held["low"], held["high"]) == pytest.approx((wilson.low, wilson.high))
    assert 0.5 < told["coverage"]["single"]["estimate"] < 1
    first, second = sureness_sentences(told)
    assert first.startswith("Sets of 90.0% coverage held the truth of ")
    assert "with “sepsis: yes”" in first
    assert "one label alone" in second


def test_each_subject_counts_once():
    sets = LearntUncertainty(conformal=ConformalSets(coverage=0.9, limits=(0.0, 0.0)))
    subject = np.concatenate([np.arange(20), np.full(1000, 20)])
    margin = np.where(subject < 20, 1.0, -1.0)  # the last subject's label is never held
    label = np.ones(1020, np.int64)

    told = sureness_evidence(sets, a_form(), *judged(margin, label, subject), LABELS)

    assert told["coverage"]["held"]["sepsis: yes"]["estimate"] == pytest.approx(20 / 21)


def test_few_subjects_with_a_label_are_not_shown():
    sets = LearntUncertainty(conformal=ConformalSets(coverage=0.9, limits=(0.0, 0.0)))
    label = np.array([1] * 10 + [0] * 30)

    told = sureness_evidence(sets, a_form(), *judged(label * 2.0 - 1, label), LABELS)

    held = told["coverage"]["held"]
    assert held["sepsis: yes"]["estimate"] is None
    assert held["sepsis: yes"]["n"] is None
    assert held["sepsis: no"]["n"] == 30
    assert "not shown" in sureness_sentences(told)[0]


def test_an_interval_is_measured_too():
    learnt = LearntUncertainty(conformal=ConformalInterval(coverage=0.8, half_width=1.5))
    target = np.arange(40) % 4 * 1.0

    told = sureness_evidence(
        learnt,
        a_form("regression", "identity"),
        *judged(np.zeros(40), np.zeros(40, np.int64), target=target, outcome="regression"),
        (),
    )

    assert told["coverage"]["held"]["value"]["estimate"] == 0.5
    assert sureness_sentences(told)[0].startswith("Intervals of 80.0% coverage held the truth of")


def test_how_many_are_outside_the_domain_is_measured():
    random = np.random.default_rng(2)
    train = Matrix(
        features=random.normal(size=(500, 1)), label=np.zeros(500, np.int64), names=("x",)
    )
    learnt = LearntUncertainty(domain=learn_domain(train, (0,), 0.99))
    new = np.concatenate([random.normal(size=90) * 0.5, np.full(10, 9.0)])

    told = sureness_evidence(learnt, a_form(), *judged(new, np.zeros(100, np.int64)), LABELS)

    assert told["domain"]["outside"]["estimate"] == pytest.approx(0.1)
    assert "leave 1.0% outside; it left 10.0%" in sureness_sentences(told)[0]


def test_nothing_is_said_where_nothing_is_declared():
    features, rows = judged(np.zeros(20), np.zeros(20, np.int64))

    assert sureness_evidence(LearntUncertainty(), a_form(), features, rows, LABELS) == {}
    assert sureness_sentences({}) == []
