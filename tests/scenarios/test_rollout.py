"""A version on its way to the patients and back: silence, evidence, approvals, guards, rollback."""

import asyncio
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sklearn.metrics import roc_auc_score

from bedside.core.errors import Refused
from bedside.core.ids import digest_bytes, digest_of, subject_pseudonym
from bedside.core.records.ledger import LedgerDraft
from bedside.core.records.rollout import Canary
from bedside.core.records.version import Approval, Stage
from bedside.data.collect.bundled import breast_cancer
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle import rollout as rollout_module
from bedside.lifecycle.build import build
from bedside.lifecycle.history import history
from bedside.lifecycle.predictions import note
from bedside.lifecycle.release import approve, live_case, open_bundle, release
from bedside.lifecycle.rollout import (
    hold,
    judge_guards,
    rollback,
    rollout_of,
    watch_guards,
)
from bedside.serve.auth import token_digest
from bedside.usecases import folder_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.server import app_of
from bedside.wiring.workspace import actor_of, open_workspace
from planted import bedside_run

pytestmark = pytest.mark.xdist_group("rollout")  # its fixtures are made once

TOKEN = "the token of this test"  # noqa: S105 - opens nothing outside the test
AS_OF = "2000-01-01T00:00:00Z"
YES = {"name": "Dr A", "meaning": "fit to be shown"}


def platform_on(folder):
    return open_workspace(folder, actor=actor_of("t", "test"), progress=LineProgress())


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A workspace with two approved versions of one model, the second with smaller trees."""
    folder = tmp_path_factory.mktemp("rollout")
    smaller = folder / "smaller"
    smaller.mkdir()
    told = (folder_of("diagnosis") / "bedside.yaml").read_text()
    fewer = told.replace("num_leaves: 8", "num_leaves: 3").replace("rounds: 120", "rounds: 40")
    (smaller / "bedside.yaml").write_text(fewer)
    platform = platform_on(folder / "w")
    versions = [build(platform, one, None).version.id for one in (folder_of("diagnosis"), smaller)]
    for version in versions:
        approve(platform, version, name="Dr A", meaning="fit for silent use")
    return folder / "w", versions


@pytest.fixture
def ward(built, tmp_path):
    """A copy of it for one test."""
    shutil.copytree(built[0], tmp_path / "w")
    return platform_on(tmp_path / "w"), built[1]


def asked(platform, cases):
    """Real requests to the served application about these cases, and what was answered."""
    bundle = open_bundle(platform, platform.registry.versions("diagnosis")[0])
    signals = {n: s.column for n, s in bundle.declaration.signals.items() if s.role == "input"}
    bodies = [
        {
            "inputs": [
                {"name": name, "shape": [1], "datatype": "FP64", "data": [row[column]]}
                for name, column in signals.items()
            ],
            "parameters": {"subject": row["case"], "as_of": AS_OF},
        }
        for row in cases.iter_rows(named=True)
    ]

    async def post():
        transport = httpx.ASGITransport(app_of(platform, token_digest(TOKEN)))
        async with httpx.AsyncClient(
            transport=transport,
            base_url="http://127.0.0.1",
            headers={"Authorization": f"Bearer {TOKEN}"},
        ) as client:
            url = "/v2/models/diagnosis/infer"
            return [(await client.post(url, json=body)).json() for body in bodies]

    said = asyncio.run(post())
    return [{o["name"]: o["data"][0] for o in one["outputs"]} for one in said]


def recorded(platform, version, n, *, outcome="score", risk=0.1, first=0):
    """n answers of a version as the scoring room records them, without running it."""
    found = platform.registry.get(version)
    drafts = []
    for at in range(first, first + n):
        sealed = {"subject": at, "request": f"question {at}"}
        if outcome == "score":
            told = {"risk": risk, "threshold": 0.3, "alert": risk >= 0.3, "outputs": []}
            sealed["answer"] = {"outcome": told}
        content = json.dumps(sealed).encode()
        details = {
            "prediction_id": f"{version}-{outcome}-{at}", "model": found.name, "version": version,
            "bundle": found.bundle, "stage": str(found.stage), "as_of": AS_OF,
            "input_digest": digest_bytes(content), "latency_ms": 5.0, "outcome": outcome,
            "channel": "test", "caller": "test", "shown": found.stage is not Stage.SILENT,
        }  # fmt: skip
        details |= {} if outcome == "score" else {"code": "model_failed"}
        drafts.append(
            LedgerDraft(
                actor=platform.actor, action="answer", details=details, sealed=content, subject=at
            )
        )
    platform.ledger.append_all(drafts)


def to_live(platform, version):
    """Silent, a hundred good answers, approved, live."""
    release(platform, version, Stage.SILENT)
    recorded(platform, version, 100)
    approve(platform, version, step=Stage.LIVE, **YES)
    release(platform, version, Stage.LIVE)


def until(happened):
    """Versions that nobody is shown answer after the one that is: wait for their answers."""
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def entries_of(platform, action):
    return [one for one in platform.ledger.entries() if one.action == action]


def test_two_versions_meet_the_same_real_questions_and_the_better_known_one_goes_live(ward):
    platform, (first, second) = ward
    cases = breast_cancer()[::5]
    for version in (first, second):
        release(platform, version, Stage.SILENT)

    said = asked(platform, cases)

    assert {one["outcome"] for one in said} == {"withheld"}
    truth = {
        subject_pseudonym(row["case"], salt="bedside"): float(row["malignant"])
        for row in cases.iter_rows(named=True)
    }
    until(lambda: len(list(platform.predictions.find())) == 2 * cases.height)
    for made in list(platform.predictions.find()):
        subject = opened_answer(platform.ledger.unseal(made.sequence))["subject"]
        note(platform, made.prediction_id, "outcome", value=truth[subject])
    approve(platform, first, step=Stage.LIVE, **YES)
    release(platform, first, Stage.LIVE)
    shown = asked(platform, cases[:3])
    until(lambda: len(list(platform.predictions.find())) == 2 * cases.height + 6)
    told = rollout_of(platform, "diagnosis")
    assert all(one["outcome"] == "score" for one in shown)
    evidence = next(v for v in told["versions"] if v["version"] == second)["evidence"]
    risks = {}
    for made in platform.predictions.find(version=second):
        sealed = opened_answer(platform.ledger.unseal(made.sequence))
        risks[sealed["subject"]] = sealed["answer"]["outcome"]["risk"]
    area = roc_auc_score(list(map(truth.get, risks)), list(risks.values()))
    assert evidence["figures"]["auroc"]["estimate"] == pytest.approx(area)
    assert evidence["counts"]["answers"] == cases.height + 3
    (compared,) = told["comparisons"]
    assert (compared["champion"], compared["challenger"]) == (first, second)
    assert compared["pairs"] == cases.height
    assert compared["judged"] == cases.height
    assert compared["differences"]["brier"]["low"] is not None


def test_evidence_before_the_yes_and_the_yes_before_the_step(ward):
    platform, (first, _) = ward
    release(platform, first, Stage.SILENT)

    with pytest.raises(Refused) as no_evidence:
        approve(platform, first, step=Stage.CANARY, **YES)
    recorded(platform, first, 100)
    with pytest.raises(Refused) as no_yes:
        release(platform, first, Stage.CANARY)
    approve(platform, first, step=Stage.CANARY, **YES)
    done = release(platform, first, Stage.CANARY, canary=Canary(share=0.25, wards=("icu",)))

    assert no_evidence.value.code == "live_gates"
    assert no_yes.value.code == "step_not_approved"
    assert done.stage is Stage.CANARY
    (entry,) = [e for e in entries_of(platform, "release") if e.details["stage"] == "canary"]
    yes = entries_of(platform, "approve")[-1]
    assert entry.details["share"] == 0.25
    assert entry.details["approved_evidence"] == yes.details["evidence"]
    kept = json.loads(platform.ledger.unseal(yes.sequence))
    assert digest_of(kept["evidence"]) == yes.details["evidence"]
    assert kept["name"] == "Dr A"
    assert "Dr A" not in json.dumps(yes.details)


def test_a_yes_that_does_not_stand_in_the_ledger_counts_for_nothing(ward):
    platform, (first, _) = ward
    release(platform, first, Stage.SILENT)
    recorded(platform, first, 100)
    forged = Approval(
        version=first, name="M", actor="m", meaning="fit", approved_at="2026", step=Stage.LIVE,
        evidence="e" * 64,
    )  # fmt: skip
    platform.registry.record_approval(forged)

    with pytest.raises(Refused) as refused:
        release(platform, first, Stage.LIVE)

    assert refused.value.code == "approval_not_in_ledger"
    assert platform.registry.get(first).stage is Stage.SILENT


def test_after_a_step_back_the_evidence_begins_anew(ward):
    platform, (first, _) = ward
    release(platform, first, Stage.SILENT)
    recorded(platform, first, 120)
    approve(platform, first, step=Stage.CANARY, **YES)
    release(platform, first, Stage.CANARY)

    held = hold(platform, "diagnosis", reason="a ward asked for it")

    assert (held.version, held.was, held.live) == (first, Stage.CANARY, None)
    assert live_case(platform, platform.registry.get(first)).evidence["counts"]["answers"] == 0
    with pytest.raises(Refused):
        approve(platform, first, step=Stage.CANARY, **YES)
    with pytest.raises(Refused, match="no version of 'diagnosis' is in canary"):
        hold(platform, "diagnosis", reason="again")


def test_a_step_without_evidence_needs_its_reason_and_is_told_for_ever(ward):
    platform, (first, _) = ward
    why = "the old model is withdrawn today"

    with pytest.raises(Refused):
        release(platform, first, Stage.LIVE, without_evidence="  ")
    with pytest.raises(Refused) as no_yes:
        release(platform, first, Stage.LIVE, without_evidence=why)
    approve(platform, first, step=Stage.LIVE, without_evidence=why, **YES)
    release(platform, first, Stage.LIVE, without_evidence=why)

    assert no_yes.value.code == "step_not_approved"
    assert entries_of(platform, "release")[-1].details["without_evidence"] == why
    printed = bedside_run(platform.folder, "rollout", "diagnosis")
    assert printed.returncode == 0, printed.stderr
    assert f"WITHOUT LIVE EVIDENCE, because: {why}" in printed.stdout


def test_rolling_back_brings_the_version_before_back_and_says_so(ward):
    platform, (first, second) = ward
    to_live(platform, first)
    to_live(platform, second)

    done = rollback(platform, "diagnosis", reason="too many alerts on ward 3")

    assert (done.version, done.was, done.restored, done.live) == (
        second, Stage.LIVE, first, first,
    )  # fmt: skip
    stages = {one.version: one.stage for one in platform.registry.releases()}
    assert stages == {first: Stage.LIVE, second: Stage.SILENT}
    (entry,) = entries_of(platform, "rollback")
    assert entry.details["reason"] == "too many alerts on ward 3"
    assert entry.details["automatic"] is False
    (shown,) = entries_of(platform, "rollout.evidence")
    kept = json.loads(platform.ledger.unseal(shown.sequence))
    assert digest_of(kept["evidence"]) == shown.details["evidence"] == done.evidence
    assert (shown.details["version"], shown.details["of"]) == (second, "rollback")
    moves = {
        v["version"]: [m["stage"] for m in v["moves"]] for v in history(platform, first).versions
    }
    assert moves == {first: ["silent", "live", "live"], second: ["silent", "live", "silent"]}
    again = rollback(platform, "diagnosis", reason="this one too")
    assert (again.version, again.live) == (first, None)
    with pytest.raises(Refused, match="Nothing is taken back"):
        rollback(platform, "diagnosis", reason="what is left")


def test_a_canary_is_taken_back_before_the_live_version(ward):
    platform, (first, second) = ward
    to_live(platform, first)
    release(platform, second, Stage.SILENT)
    recorded(platform, second, 100)
    approve(platform, second, step=Stage.CANARY, **YES)
    release(platform, second, Stage.CANARY)

    done = rollback(platform, "diagnosis", reason="not yet")

    assert (done.version, done.restored, done.live) == (second, None, first)


def test_a_broken_guard_rolls_back_once_whoever_looks(ward):
    platform, (first, second) = ward
    to_live(platform, first)
    to_live(platform, second)
    recorded(platform, second, 49, outcome="failure")
    early = watch_guards(platform)
    (waiting,) = judge_guards(platform)
    recorded(platform, second, 1, outcome="failure", first=60)
    others = [platform_on(platform.folder) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        fired = [one for found in pool.map(watch_guards, others) for one in found]

    assert early == []
    assert (waiting.version, waiting.result.state) == (second, "too few")
    assert [(one.version, one.then, one.restored) for one in fired] == [(second, "rollback", first)]
    (entry,) = entries_of(platform, "rollback")
    assert entry.details["automatic"] is True
    kept = json.loads(platform.ledger.unseal(entry.sequence))["evidence"]
    assert kept["counts"]["failures"] == 50
    assert digest_of(kept) == entry.details["evidence"]
    assert watch_guards(platform) == []


def test_a_guard_that_cannot_be_judged_does_not_stop_the_others(ward, caplog):
    platform, (first, _) = ward
    to_live(platform, first)
    model = platform.bundles / platform.registry.get(first).bundle / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"#")
    rollout_module._declared.clear()

    assert watch_guards(platform) == []

    assert "bundle_tampered" in caplog.text
    with pytest.raises(Refused):
        judge_guards(platform)
    assert rollback(platform, "diagnosis", reason="tampered").version == first


def test_what_broke_a_guard_before_does_not_break_it_after_a_new_step(ward):
    platform, (first, _) = ward
    release(platform, first, Stage.SILENT)
    recorded(platform, first, 60, outcome="failure")
    approve(platform, first, step=Stage.LIVE, without_evidence="a test", **YES)
    release(platform, first, Stage.LIVE, without_evidence="a test")

    assert watch_guards(platform) == []


def test_two_people_roll_back_at_once_and_one_is_told(ward):
    platform, (first, second) = ward
    to_live(platform, first)
    to_live(platform, second)

    def takes_back(mine):
        try:
            return rollback(mine, second, reason="both saw it").restored
        except Refused as refused:
            return refused.code

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(takes_back, [platform_on(platform.folder) for _ in range(2)]))

    assert sorted(said) == sorted([first, "not_shown"])
    assert len(entries_of(platform, "rollback")) == 1


def test_the_commands_say_what_they_do(ward):
    platform, (first, second) = ward
    workspace = platform.folder
    to_live(platform, first)
    release(platform, second, Stage.SILENT)
    recorded(platform, second, 100)

    def said(*words, code=0):
        done = bedside_run(workspace, *words)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    yes = said("approve", second, "--for", "canary", "--name", "Dr A", "--meaning", "fit")
    assert "bound to the live evidence" in yes
    went = said("release", second, "--stage", "canary", "--share", "0.25", "--ward", "icu")
    assert "shown to 25 % of the patients and everybody in icu" in went
    assert "between 0 and 1" in said("release", second, "--stage", "canary", "--share", "2", code=2)
    assert "who sees" in said("release", second, "--stage", "live", "--share", "0.5", code=2)
    shown = said("rollout", "diagnosis")
    assert f"{first} is live, and {second} is in canary" in shown
    assert "Gates towards live" in shown
    assert "… too few  failures: 0 of 50 answers in 1 h" in shown
    assert f"{second} beside {first}, on the same questions" in shown
    document = json.loads(said("rollout", "diagnosis", "--json"))
    assert [one["stage"] for one in document["versions"]] == ["canary", "live"]
    watched = said("rollout", "diagnosis", "--watch", "--times", "1")
    assert second in watched
    assert "is silent now" in said("hold", "diagnosis", "--reason", "a test")
    assert "answers are withheld from everybody" in said("rollback", "diagnosis")
    assert "Nothing is taken back" in said("rollback", "diagnosis", code=4)
    assert "The ledger is whole" in said("ledger", "verify")
