"""Who is unlike the training patients is found and told in what; who is like them is not."""

import numpy as np
import polars as pl
import pytest

from bedside.core.errors import Invalid
from bedside.develop.train.likeness import learn_domain
from bedside.develop.train.matrix import Matrix
from bedside.models.domain import DomainCheck, Unlike
from bedside.models.uncertainty import LearntUncertainty, uncertainty_told
from data_folder import data_folder

NAMES = ("weight", "height", "age", "marker", "lactate", "sex", "ward", "version")
CATEGORIES = (0, 0, 0, 0, 0, 2, 4, 0)


def some_patients(n, *, seed):
    """Weight and height go together, the marker has a long tail, lactate is often missing."""
    random = np.random.default_rng(seed)
    size = random.normal(size=n)
    features = np.stack(
        [
            75 + 12 * (0.95 * size + 0.31 * random.normal(size=n)),
            170 + 9 * (0.95 * size + 0.31 * random.normal(size=n)),
            random.uniform(20, 90, n),
            np.exp(random.normal(size=n)),
            np.where(random.random(n) < 0.6, np.nan, random.gamma(2, 1, n)),
            random.integers(0, 2, n),
            random.choice([0.0, 1.0, 2.0], p=[0.6, 0.3, 0.1], size=n),
            np.full(n, 7.0),
        ],
        axis=1,
    )
    return Matrix(features=features, label=np.zeros(n, np.int64), names=NAMES)


@pytest.fixture(scope="module")
def check():
    return DomainCheck(learn_domain(some_patients(2000, seed=1), CATEGORIES, 0.99))


def a_patient(**changes):
    ordinary = dict(zip(NAMES, [75.0, 170, 50, 1, 2, 1, 0, 7], strict=True))
    return np.array([*(ordinary | changes).values()], dtype=np.float64)


def told(check, **changes):
    return [(NAMES[one.column], one.way) for one in check.unlike(a_patient(**changes))]


def test_new_patients_of_the_same_kind_are_outside_at_about_the_declared_rate(check):
    new = some_patients(20_000, seed=2).features

    inside = check.inside(new)

    assert 0.003 <= 1 - inside.mean() <= 0.02
    some = new[:200]  # one by one, they are measured by another path
    assert [not check.unlike(row) for row in some] == check.inside(some).tolist()


def test_an_ordinary_patient_is_like_the_others(check):
    assert told(check) == []
    assert told(check, lactate=np.nan) == []


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"age": 140.0}, "age"),
        ({"marker": 300.0}, "marker"),
        ({"lactate": 60.0}, "lactate"),
        ({"weight": 1e300}, "weight"),
        ({"weight": -np.inf}, "weight"),
        ({"weight": np.inf}, "weight"),
        ({"version": 9.0}, "version"),
    ],
)
def test_a_planted_number_is_found_and_named(check, changes, first):
    assert told(check, **changes)[0] == (first, "value")


def test_numbers_that_are_ordinary_one_by_one_but_not_together_are_found(check):
    found = told(check, weight=53.0, height=188.0)

    assert {name for name, _ in found[:2]} == {"weight", "height"}


def test_a_category_that_no_training_patient_had_is_named(check):
    assert told(check, ward=3.0) == [("ward", "category")]
    assert told(check, ward=11.0) == [("ward", "category")]
    assert check.unlike(a_patient(ward=3.0)) == (Unlike(column=6, way="category", never=True),)


def test_what_was_always_known_in_training_and_is_not_now_is_named(check):
    assert check.unlike(a_patient(age=np.nan)) == (Unlike(column=2, way="missing", never=True),)
    assert told(check, ward=np.nan) == [("ward", "missing")]


def test_a_row_without_any_value_is_outside_with_at_most_three_features_named(check):
    nothing = check.unlike(np.full(len(NAMES), np.nan))

    assert len(nothing) == 3
    assert {one.way for one in nothing} == {"missing"}


def test_a_row_without_any_value_is_inside_where_training_had_such_rows():
    rows = some_patients(500, seed=3)
    features = rows.features.copy()
    features[np.random.default_rng(1).random(features.shape) < 0.7] = np.nan
    check = DomainCheck(
        learn_domain(rows.with_features(features, NAMES), CATEGORIES, 0.99)
    )  # fmt: skip

    assert check.unlike(np.full(len(NAMES), np.nan)) == ()


def test_what_was_rarely_missing_or_rarely_known_counts():
    random = np.random.default_rng(4)
    features = random.normal(size=(2000, 2))
    features[random.random(2000) < 0.002, 0] = np.nan
    features[random.random(2000) > 0.002, 1] = np.nan
    rows = Matrix(features=features, label=np.zeros(2000, np.int64), names=("a", "b"))
    check = DomainCheck(learn_domain(rows, (0, 0), 0.995))

    (first,), (second,) = (
        check.unlike(np.array(row))
        for row in ([np.nan, np.nan], [0.0, np.nanmedian(features[:, 1])])
    )

    assert (first.column, first.way, first.never) == (0, "missing", False)
    assert (second.column, second.way) == (1, "present")


def test_constant_and_empty_features_disturb_nothing():
    features = np.random.default_rng(5).normal(size=(400, 4))
    features[:, 1], features[:, 2] = 3.0, np.nan
    rows = Matrix(features=features, label=np.zeros(400, np.int64), names=("a", "b", "c", "d"))

    check = DomainCheck(learn_domain(rows, (0, 0, 0, 0), 0.99))

    assert check.inside(features).mean() >= 0.985
    assert check.unlike(np.array([0.0, 3.0, np.nan, 0.0])) == ()
    only = Matrix(features=features[:, 1:3], label=rows.label, names=("b", "c"))
    flat = DomainCheck(learn_domain(only, (0, 0), 0.99))
    assert flat.unlike(np.array([3.0, np.nan])) == ()
    assert flat.unlike(np.array([4.0, np.nan]))[0] == Unlike(column=0, way="value")


def test_the_domain_depends_neither_on_the_run_nor_on_the_copies_of_a_subject():
    rows = some_patients(300, seed=6)
    again = np.concatenate([np.arange(300), np.full(5000, 8)])
    many = rows.taken(again)
    whose = Matrix(features=many.features, label=many.label, names=NAMES, subject=again)

    one, two = (learn_domain(some_patients(300, seed=6), CATEGORIES, 0.99) for _ in range(2))
    check = DomainCheck(learn_domain(whose, CATEGORIES, 0.95))

    assert uncertainty_told(LearntUncertainty(domain=one)) == uncertainty_told(
        LearntUncertainty(domain=two)
    )
    assert 1 - check.inside(rows.features).mean() <= 0.06


def test_many_features_are_described_by_their_leading_axes_alone():
    random = np.random.default_rng(7)
    hidden = random.normal(size=(400, 3))
    features = hidden @ random.normal(size=(3, 700)) + 0.1 * random.normal(size=(400, 700))
    rows = Matrix(
        features=features, label=np.zeros(400, np.int64), names=tuple(map(str, range(700)))
    )

    domain = learn_domain(rows, (0,) * 700, 0.99)

    assert 2 <= len(domain.axes) <= 10
    odd = features[3].copy()
    odd[650] += 12 * features[:, 650].std()
    assert DomainCheck(domain).unlike(odd)[0].column == 650


def test_too_few_subjects_are_refused():
    with pytest.raises(Invalid, match="at least 50"):
        learn_domain(some_patients(49, seed=8), CATEGORIES, 0.99)


def test_a_real_patient_of_one_hospital_is_like_the_others_and_one_in_other_units_is_not():
    table = pl.read_parquet(
        data_folder("physionet-2019-sepsis") / "sepsis_setB.parquet", n_rows=60_000
    )
    names = ("HR", "Temp", "SBP", "MAP", "Resp", "O2Sat", "Age")
    features = table.select(names).cast(pl.Float64).fill_null(np.nan).to_numpy()
    subject = table["patient_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    rows = Matrix(
        features=features, label=np.zeros(len(features), np.int64), names=names, subject=subject
    )
    half = subject < np.median(subject)

    check = DomainCheck(learn_domain(rows.taken(half), (0,) * 7, 0.99))

    outside = 1 - check.inside(features[~half]).mean()
    assert 0.002 <= outside <= 0.03
    fahrenheit = features[~half & ~np.isnan(features).any(axis=1)][:200].copy()
    fahrenheit[:, 1] = fahrenheit[:, 1] * 9 / 5 + 32
    found = [check.unlike(row) for row in fahrenheit]
    assert all(one and names[one[0].column] == "Temp" for one in found)
