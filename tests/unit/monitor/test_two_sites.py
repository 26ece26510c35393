"""Two real hospitals: what drift says of the other one, and what estimates can and cannot see."""

import csv

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bedside.metrics.estimated import estimated_performance, weighted_performance
from bedside.monitor.drift_of import drift_of
from bedside.monitor.joint import joint_drift_of
from data_folder import data_folder


@pytest.fixture(scope="module")
def sites():
    """Inputs and outcome of each hospital, and the names of the inputs."""
    read = {}
    for site in ("cleveland", "hungarian"):
        with (data_folder("uci-heart-disease") / f"processed.{site}.csv").open() as file:
            names, *rows = csv.reader(file)
        table = np.array(
            [[float(v) if v not in ("", "?") else np.nan for v in row] for row in rows]
        )
        read[site] = table[:, :-1], (table[:, -1] > 0).astype(float)
    return read | {"names": names[:-1]}


def compared(label, risk):
    estimated = estimated_performance(risk, threshold=0.5)
    came = weighted_performance(label, risk, np.ones(label.size), threshold=0.5)
    return {
        name: one.low - 1e-9 <= came[name].value <= one.high + 1e-9
        for name, one in estimated.items()
    }


def test_the_inputs_that_budapest_rarely_recorded_stand_out_and_the_sites_are_told_apart(sites):
    then, now = sites["cleveland"][0], sites["hungarian"][0]

    rows = {row.name: row for row in drift_of(then, now, sites["names"])}

    assert {name for name, row in rows.items() if row.missing_now > 0.5} == {"slope", "ca", "thal"}
    assert all(rows[name].p_adjusted < 1e-30 for name in ("slope", "ca", "thal"))
    assert rows["sex"].p_adjusted == 1
    assert joint_drift_of(then, now).low > 0.95


def test_one_half_of_a_hospital_does_not_stand_out_from_the_other(sites):
    mixed = np.random.default_rng(1).permutation(sites["cleveland"][0])

    rows = drift_of(mixed[:150], mixed[150:], sites["names"])

    assert min(row.p_adjusted for row in rows) > 0.05
    assert joint_drift_of(mixed[:150], mixed[150:]).p_value > 0.05


def test_estimates_hold_at_home_and_miss_abroad_where_the_same_inputs_mean_less_disease(sites):
    (x, y), (abroad, label) = sites["cleveland"], sites["hungarian"]
    model = make_pipeline(
        SimpleImputer(keep_empty_features=True), StandardScaler(), LogisticRegression(C=0.1)
    )
    home = compared(y, cross_val_predict(model, x, y, cv=10, method="predict_proba")[:, 1])

    away = compared(label, model.fit(x, y).predict_proba(abroad)[:, 1])

    assert all(home.values())
    assert not away["observed_expected"]
    assert not away["event_rate"]
