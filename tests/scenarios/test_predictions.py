"""From an answer at the bedside to what came true: found, replayed, judged, exported, erased."""

import asyncio
import json
import uuid
from dataclasses import replace
from typing import Any, NamedTuple

import httpx
import polars as pl
import pytest

from bedside.core.errors import NotFound, Refused
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.version import Stage
from bedside.data.collect.bundled import breast_cancer
from bedside.lifecycle.erase import erase
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.prediction_export import export_predictions
from bedside.lifecycle.prediction_replay import recorded, replay
from bedside.lifecycle.predictions import judged, note, outcomes
from bedside.lifecycle.release import approve, open_bundle, release
from bedside.serve.auth import token_digest
from bedside.wiring.progress import LineProgress
from bedside.wiring.server import app_of
from bedside.wiring.workspace import actor_of, open_workspace
from planted import PLANTED, a_planted_model, bedside_run

pytestmark = pytest.mark.xdist_group("predictions")  # its fixtures are made once

TOKEN = "the token of this test"  # noqa: S105 - opens nothing outside the test
ORIGIN = "2000-01-01T00:00:00Z"  # when every case of the file is asked about
AFTER_THREE_DAYS = "2000-01-04T00:00:00.000000Z"


class Ward(NamedTuple):
    """A workspace with a silent version, and its folders."""

    platform: Platform
    version: str
    workspace: Any
    model: Any

    def ask(self, number: int, *, as_of: str = ORIGIN, reasons: bool = True) -> str:
        """Ask about a case with its own measurements; the id of the prediction."""
        row = breast_cancer().row(number, named=True)
        declared = open_bundle(self.platform, self.platform.registry.get(self.version)).declaration
        inputs = [
            {"name": name, "shape": [1], "datatype": "FP64", "data": [float(row[one.column])]}
            for name, one in declared.signals.items()
            if one.column in row and one.role != "outcome"
        ]
        told = {"subject": f"{PLANTED}-{row['case']}", "as_of": as_of, "reasons": reasons}
        body = {"inputs": inputs, "parameters": told, "id": f"q{uuid.uuid4()}"}
        url = f"/v2/models/{self.version.split('@')[0]}/infer"
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

        async def post() -> httpx.Response:
            transport = httpx.ASGITransport(app_of(self.platform, token_digest(TOKEN)))
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                return await client.post(url, json=body, headers=headers)

        answer = asyncio.run(post())
        assert answer.status_code == 200, answer.text
        return next(self.platform.predictions.find(version=self.version)).prediction_id


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predictions")
    model = a_planted_model(folder / "model")
    workspace = folder / "w"
    done = bedside_run(workspace, "build", str(model), "--data", str(model), "--json")
    assert done.returncode == 0, done.stderr
    platform = open_workspace(workspace, actor=actor_of("t", "test"), progress=LineProgress())
    version = json.loads(done.stdout)["version"]
    approve(platform, version, name="A B", meaning="reviewed")
    release(platform, version, Stage.SILENT)
    return Ward(platform, version, workspace, model)


def the_last_entry(ward):
    return list(ward.platform.ledger.entries())[-1]


def test_a_prediction_is_found_shown_and_answered_again_with_the_same_bytes(ward):
    prediction = ward.ask(3)

    listed = bedside_run(ward.workspace, "prediction", "list", "--json", "--outcome", "score")
    shown = bedside_run(ward.workspace, "prediction", "show", prediction)

    (first, *_) = json.loads(listed.stdout)["predictions"]
    assert first["prediction_id"] == prediction
    assert (first["model"], first["channel"], first["shown"]) == (
        "diagnosis", "open_inference", False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert "Replayed: same bytes" in shown.stdout
    assert "Features, 30 of 30 known" in shown.stdout
    opening = the_last_entry(ward)
    assert opening.action == "prediction.open"
    assert opening.details["prediction_id"] == prediction
    assert PLANTED not in str(opening)


def test_an_answer_without_reasons_is_repeated_without_reasons(ward):
    found = recorded(ward.platform, ward.ask(2, reasons=False))

    again = replay(ward.platform, found)

    assert found.sealed["answer"]["outcome"]["reasons"] == []
    assert again.is_same, again


def test_an_answer_that_is_not_what_the_model_says_is_told_apart(ward):
    prediction = ward.ask(4)
    found = recorded(ward.platform, prediction)
    sealed = json.loads(json.dumps(found.sealed))
    sealed["answer"]["outcome"]["risk"] += 1e-9
    other = str(uuid.uuid4())
    sealed["answer"]["prediction_id"] = other
    details = {k: v for k, v in found.entry.details.items() if k != "request_tag"}
    ward.platform.ledger.append(
        ward.platform.actor,
        "answer",
        details | {"prediction_id": other},
        sealed=canonical_json(sealed),
        subject=sealed["subject"],
    )

    shown = bedside_run(ward.workspace, "prediction", "show", other)

    assert shown.returncode == 4
    assert "Replayed: DIFFERENT in outcome.risk." in shown.stdout
    assert replay(ward.platform, found).is_same


def test_what_came_true_is_noted_once_and_only_at_the_time_that_the_question_asks(ward):
    asked_in_time, asked_later = ward.ask(5), ward.ask(6, as_of="2000-03-01T00:00:00Z")

    first = outcomes(ward.platform, ward.version, ward.model)
    again = outcomes(ward.platform, ward.version, ward.model)

    truth = breast_cancer().row(5, named=True)["malignant"]
    told = judged(ward.platform, ward.version).rows_by_key("prediction_id", named=True)
    assert first.noted == first.judged >= 1
    assert first.unmatched == 1
    assert (again.noted, again.judged) == (0, first.judged)
    (ours,), (theirs,) = told[asked_in_time], told[asked_later]
    assert ours["label"] == float(truth)
    assert theirs["label"] is None
    when = [
        json.loads(ward.platform.ledger.unseal(one.sequence)).get("event_at")
        for one in ward.platform.predictions.notes([asked_in_time])
    ]
    assert when == [AFTER_THREE_DAYS if truth else None], "the declaration says when it happens"
    assert 0 <= ours["risk"] <= 1
    assert ours["alert"] is (ours["risk"] >= ours["threshold"])


def test_notes_are_found_in_their_order_and_their_values_lie_sealed(ward):
    prediction = ward.ask(7)

    note(ward.platform, prediction, "seen", said={"by": "dr. grey"})
    note(ward.platform, prediction, "overridden", said={"why": "known cyst"})

    found = recorded(ward.platform, prediction)
    assert [one.kind for one in found.notes] == ["seen", "overridden"]
    entries = [e for e in ward.platform.ledger.entries() if e.action == "prediction.note"]
    assert "grey" not in str(entries)
    assert json.loads(ward.platform.ledger.unseal(found.notes[0].sequence))["by"] == "dr. grey"
    with pytest.raises(NotFound):
        note(ward.platform, str(uuid.uuid4()), "seen")


def test_an_export_for_research_names_nobody_and_an_impossible_mode_is_refused(ward, tmp_path):
    prediction = ward.ask(8)
    subject = recorded(ward.platform, prediction).sealed["subject"]

    done = export_predictions(
        ward.platform, ward.version, tmp_path / "out.parquet", mode="limited_dataset"
    )

    content = (tmp_path / "out.parquet").read_bytes()
    table = pl.read_parquet(content)
    assert table.height == done.predictions
    assert digest_bytes(content) == done.digest
    assert {"risk", "label", "as_of", "feature.mean_radius.last"} <= set(table.columns)
    assert "caller" not in table.columns
    told = table.write_json()
    for secret in (
        prediction,
        str(subject),
        PLANTED,
        str(recorded(ward.platform, prediction).prediction.subject_tag),
    ):
        assert secret not in told
    assert done.is_small
    for mode in ("safe_harbor", "expert"):
        with pytest.raises(Refused):
            export_predictions(ward.platform, ward.version, tmp_path / "x.parquet", mode=mode)
    assert not (tmp_path / "x.parquet").exists()


def test_who_is_erased_leaves_no_readable_part_no_tag_and_no_way_to_note_more(ward):
    row = breast_cancer().row(9, named=True)
    prediction = ward.ask(9)
    note(ward.platform, prediction, "seen", said={"by": "dr. grey"})
    before = ward.platform.predictions.get(prediction)

    erase(ward.platform, f"{PLANTED}-{row['case']}")

    after = ward.platform.predictions.get(prediction)
    assert before.subject_tag is not None
    assert before.request_tag is not None
    assert (after.subject_tag, after.request_tag) == (None, None)
    assert replace(before, subject_tag=None, request_tag=None) == after
    found = recorded(ward.platform, prediction)
    assert found.sealed is None
    assert not replay(ward.platform, found).is_same
    told = judged(ward.platform, ward.version).filter(prediction_id=prediction).row(0, named=True)
    assert (told["risk"], told["subject"]) == (None, None)
    with pytest.raises(Refused):
        note(ward.platform, prediction, "acted")
    assert ward.platform.ledger.verify() == []
