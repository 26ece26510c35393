"""The diagnosis with an automatic plan and declared responses, built for real, and its ward."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import httpx

from bedside.core.clock import FixedClock
from bedside.core.ids import subject_pseudonym
from bedside.core.records.version import Stage
from bedside.data.collect.bundled import breast_cancer
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.build import build
from bedside.lifecycle.predictions import note
from bedside.lifecycle.release import approve, open_bundle, release
from bedside.registry.life import SERVED
from bedside.serve.auth import token_digest
from bedside.usecases import folder_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.server import app_of
from bedside.wiring.workspace import actor_of, open_workspace

__all__ = [
    "BEGIN", "DAY", "a_planned_workspace", "asked", "cases", "make_live", "outcomes_came",
    "platform_on", "told",
]  # fmt: skip

TOKEN = "the token of this test"  # noqa: S105 - opens nothing outside the test
URL = "/v2/models/diagnosis/infer"
DAY = timedelta(days=1)
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
DECLARED = (folder_of("diagnosis") / "bedside.yaml").read_text()
PLANNED = (
    DECLARED.replace("made: manual", "made: automatic", 1)
    .replace("subjects_at_least: 569", "subjects_at_least: 500")
    .replace("bootstrap: 1000", "bootstrap: 200")
    .replace("sensitivity, falls_at_most: 0.02", "sensitivity, falls_at_most: 0.05")
    + """
monitoring:
  watch:
    owner: the head of the laboratory
    retrain_every: 90 d
    respond:
      - {when: [input], causes: [unit_change], severity: medium, then: abstain}
      - {when: [output], then: hold}
      - {when: [fairness], then: rollback}
      - {when: [performance], severity: medium, then: retrain, guard: {every_at_least: 30 d}}
      - {when: [labels], then: retrain, guard: {judged_at_least: 200}}
      - {when: [volume], then: recalibrate}
"""
)  # fmt: skip


def platform_on(folder, days=0):
    """The workspace so many days after it began; its clock stands until it is moved."""
    clock = FixedClock(BEGIN + days * DAY)
    who = actor_of("user:t", "test")
    return open_workspace(folder, actor=who, progress=LineProgress(), clock=clock)


def cases(folder, rows):
    """The cases as a file."""
    path = folder / "cases.parquet"
    rows.write_parquet(path)
    return path


def a_planned_workspace(folder):
    """A workspace with a silent version that learnt from the first 430 of the real cases."""
    model = folder / "model"
    model.mkdir()
    (model / "bedside.yaml").write_text(PLANNED)
    platform = platform_on(folder / "w")
    version = build(platform, model, cases(folder, breast_cancer().head(430))).version
    approve(platform, version.id, name="Dr A", meaning="fit for silent use")
    release(platform, version.id, Stage.SILENT)
    return folder / "w", version.id


def told(platform, action):
    """The open part of each entry of an action."""
    return [one.details for one in platform.ledger.entries() if one.action == action]


def asked(platform, rows):
    """Real requests to the served application about these cases; every version has answered."""
    bundle = open_bundle(platform, platform.registry.versions("diagnosis")[0])
    signals = {n: s.column for n, s in bundle.declaration.signals.items() if s.role == "input"}
    before = len(list(platform.predictions.find()))

    async def post():
        transport = httpx.ASGITransport(app_of(platform, token_digest(TOKEN)))
        head = {"Authorization": f"Bearer {TOKEN}"}
        base = "http://127.0.0.1"
        async with httpx.AsyncClient(transport=transport, base_url=base, headers=head) as client:
            return [(await client.post(URL, json=body)).json() for body in map(body_of, told)]

    def body_of(row):
        inputs = [
            {"name": name, "shape": [1], "datatype": "FP64", "data": [row[column]]}
            for name, column in signals.items()
        ]
        about = {"subject": row["case"], "as_of": "2000-01-01T00:00:00Z"}
        return {"inputs": inputs, "parameters": about}

    told = list(rows.iter_rows(named=True))
    said = asyncio.run(post())
    many = before + len(told) * sum(one.stage in SERVED for one in platform.registry.versions())
    end = time.monotonic() + 20
    while len(list(platform.predictions.find())) < many:
        assert time.monotonic() < end, "a version did not answer"
        time.sleep(0.05)
    return said


def outcomes_came(platform, rows):
    """What histology said of everybody who was asked about and whose outcome is not noted yet."""
    truth = {
        subject_pseudonym(row["case"], salt="bedside"): float(row["malignant"])
        for row in rows.iter_rows(named=True)
    }
    for made in list(platform.predictions.find()):
        if not platform.predictions.notes([made.prediction_id]):
            subject = opened_answer(platform.ledger.unseal(made.sequence))["subject"]
            note(platform, made.prediction_id, "outcome", value=truth[subject])


def make_live(platform, version):
    """Asked about 114 cases in silence, then approved and released."""
    asked(platform, breast_cancer()[::5])
    approve(platform, version, name="Dr A", meaning="fit to be shown", step=Stage.LIVE)
    release(platform, version, Stage.LIVE)
