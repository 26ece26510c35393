"""A CDS Hooks call with 500 prefetched Observations against parsing its JSON and one model call.

Floor: the fastest JSON library here (msgspec) parsing the whole body once, and the same ONNX
session run once on a row that is there already. Ours takes the call from its bytes to the bytes of
the card: context checked, units, times and patients of all 500 resources checked, features, score,
reasons, the sealed record of the answer, with the ledger in memory and, beside it, on disk. All are
measured in turns in one process.

    python benchmarks/cds_hooks.py [--rounds 30] [--observations 500] [--json]
"""

import argparse
import gc
import json
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bedside.core.clock import FixedClock, SystemClock
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.bundle import EXAMPLE, FEATURES, Bundle
from bedside.core.records.caller import EVERYTHING, Caller
from bedside.core.records.cds_hooks import CdsHooks
from bedside.core.records.declaration import (
    Channels,
    Clock,
    Declaration,
    Evaluation,
    IntendedUse,
    Learner,
    Signal,
    Source,
    Threshold,
)
from bedside.core.records.features import FeatureRule
from bedside.core.records.ledger import GENESIS, Actor, LedgerEntry
from bedside.core.records.question import Question
from bedside.core.records.version import Stage
from bedside.deploy.package.onnx_graph import onnx_of
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.lightgbm import LightGbm
from bedside.develop.train.matrix import Matrix
from bedside.features.definition import expand, feature_set_to_json
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.infra.database.sqlite import open_sqlite, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.infra.runtime.explaining import FormExplainer
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.interop.cds_hooks.cards import Shown, cards_of
from bedside.interop.cds_hooks.discovery import prefetch_templates
from bedside.interop.cds_hooks.request import check_context, read_call
from bedside.interop.fhir.reading import read_resources
from bedside.models.form_json import form_to_json
from bedside.serve.answer import Answerer

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TREES = 500
VITALS = {
    "heart_rate": ("8867-4", "Heart rate", "/min", 82.0, 14.0),
    "respiratory_rate": ("9279-1", "Respiratory rate", "/min", 17.0, 4.0),
    "temperature": ("8310-5", "Body temperature", "Cel", 37.1, 0.6),
    "systolic": ("8480-6", "Systolic blood pressure", "mm[Hg]", 122.0, 18.0),
    "diastolic": ("8462-4", "Diastolic blood pressure", "mm[Hg]", 71.0, 11.0),
    "lactate": ("2524-7", "Lactate in blood", "mmol/L", 1.8, 0.9),
    "creatinine": ("2160-0", "Creatinine in serum or plasma", "mg/dL", 1.1, 0.4),
    "potassium": ("2823-3", "Potassium in serum or plasma", "mmol/L", 4.2, 0.5),
    "sodium": ("2951-2", "Sodium in serum or plasma", "mmol/L", 139.0, 4.0),
    "leukocytes": ("6690-2", "Leukocytes in blood", "10*3/uL", 9.0, 3.0),
}


def declaration() -> Declaration:
    """Ten vital signs and laboratory results, thirty features over a day."""
    signals = {
        name: Signal(
            label=label.lower(),
            code=f"LOINC//{loinc}",
            column=name,
            unit=unit,
            visible_after="0 min",
            plausible=(-1000.0, 10000.0),
        )
        for name, (loinc, label, unit, _, _) in VITALS.items()
    }
    service = CdsHooks(id="watch", title="Watch", description="Risk of deterioration.")
    return Declaration(
        bedside=1,
        name="watch",
        title="Deterioration on the ward",
        intended_use=IntendedUse(decision="look", users=(), population="adults", not_for=()),
        data=Source(
            file="x.parquet",
            subject="id",
            clock=Clock(origin="2000-01-01T00:00:00Z"),
            licence="CC-BY-4.0",
            release_mode="limited_dataset",
        ),
        signals=signals,
        question=Question(ask="worse?", predicates={}, trigger="", windows={}),
        features=(
            FeatureRule(signals=tuple(VITALS), aggregates=("last", "max", "min"), windows=("24h",)),
        ),
        evaluation=Evaluation(threshold=Threshold(value=0.5)),
        channels=Channels(cds_hooks=service),
    )


def observation(draw: random.Random, number: int) -> dict[str, Any]:
    """One Observation as an EHR sends it: identifiers, category, display, both times."""
    name = draw.choice(list(VITALS))
    loinc, label, unit, mean, spread = VITALS[name]
    moment = NOW - timedelta(minutes=draw.randrange(5, 3 * 1440), seconds=draw.randrange(60))
    ucum = "http://unitsofmeasure.org"
    category = "http://terminology.hl7.org/CodeSystem/observation-category"
    return {
        "resourceType": "Observation",
        "id": str(uuid.UUID(int=draw.getrandbits(128))),
        "meta": {"versionId": "1", "lastUpdated": moment.isoformat()},
        "status": "final",
        "category": [{"coding": [{"system": category, "code": "vital-signs"}]}],
        "code": {
            "coding": [{"system": "http://loinc.org", "code": loinc, "display": label}],
            "text": label,
        },
        "subject": {"reference": "Patient/pat-1"},
        "encounter": {"reference": f"Encounter/{number % 3}"},
        "effectiveDateTime": moment.isoformat(),
        "issued": (moment + timedelta(minutes=4)).isoformat(timespec="milliseconds"),
        "valueQuantity": {
            "value": round(draw.gauss(mean, spread), 2),
            "unit": unit,
            "system": ucum,
            "code": unit,
        },
    }


def call(observations: int) -> bytes:
    """The body of a patient-view call, the same every time."""
    draw = random.Random(7)  # noqa: S311 - made-up data, the same every time
    entries = [
        {"fullUrl": f"https://ehr.example.org/fhir/Observation/{n}", "resource": one}
        for n, one in enumerate(observation(draw, n) for n in range(observations))
    ]
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": observations}
    body = {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/7", "patientId": "pat-1"},
        "prefetch": {"observations": bundle | {"entry": entries}},
    }
    return json.dumps(body, separators=(",", ":")).encode()


class MemoryLedger:
    """Takes entries and forgets them: what an answer costs without a disk."""

    def append(self, actor: Actor, action: str, details: Any, **more: Any) -> LedgerEntry:
        """An entry that is kept nowhere."""
        return LedgerEntry(
            sequence=1,
            at="",
            actor=actor.name,
            purpose=actor.purpose,
            action=action,
            details=details,
            sealed_digest=None,
            previous=GENESIS,
            hash=GENESIS,
        )


def answerers(folder: Path) -> tuple[Answerer, Answerer, OnnxPredictor, Any]:
    """Two of one model: with the ledger in memory and on disk; its predictor, and one row."""
    declared = declaration()
    features = expand(declared)
    random_rows = np.random.default_rng(1)
    means = np.array([VITALS[name.split(".")[0]][3] for name in features.names])
    rows = means * random_rows.normal(1.0, 0.2, (4000, len(means)))
    label = (random_rows.random(4000) < 0.3).astype(np.int64)
    halves = [
        Matrix(features=rows[part], label=label[part], names=features.names)
        for part in (slice(0, None, 2), slice(1, None, 2))
    ]
    slow = {"learning_rate": 0.01, "num_leaves": 31, "min_data_in_leaf": 5}
    plan = Plan(
        options=Learner(rounds=TREES, threads=1, parameters=slow),
        columns=tuple(Column(name=name) for name in features.names),
    )
    form = LightGbm().fit(halves[0], halves[1], plan)
    predictor = OnnxPredictor(onnx_of(form))
    row = rows[:1]
    example = {"features": row[0].tolist(), "risk": float(predictor.predict(row)[0])}
    bundle = Bundle(
        digest="0" * 64,
        declaration=declared,
        threshold=0.5,
        files={
            FEATURES: feature_set_to_json(features),
            EXAMPLE: json.dumps(example).encode(),
        },
    )
    on_disk = SqlLedger(
        open_sqlite(folder / "ledger.sqlite"),
        writing=writing,
        clear=clear_traces,
        clock=SystemClock(),
        sealing_key=bytes(32),
        signing_key=Ed25519Signer(bytes(32)).private_key,
    )
    explainer = FormExplainer(form_to_json(form))
    made = [
        Answerer(
            bundle,
            "watch@000000000000",
            Stage.LIVE,
            predictor,
            explainer,
            ledger,
            FixedClock(NOW),
            Actor(name="benchmark", purpose="benchmark"),
        )
        for ledger in (MemoryLedger(), on_disk)
    ]
    return made[0], made[1], predictor, row


def read(declared: Declaration, body: bytes) -> Facts:
    """From the bytes of the call to the events of its patient."""
    asked = read_call(body, hook="patient-view")
    check_context(asked)
    sent = {key: asked.prefetch[key] for key in prefetch_templates(declared)}
    found = read_resources(declared, sent, as_of=NOW, patient_id=asked.patient_id)
    assert not found.absent
    return Facts(events=found.events, subject=found.subject_id, notes=found.notes)


def whole(answerer: Answerer, body: bytes) -> bytes:
    """From the bytes of the call to those of the card."""
    facts = read(answerer.declaration, body)
    asked = Asked(
        read=lambda _: facts,
        as_of=NOW,
        channel="cds_hooks",
        caller=Caller(name="benchmark", scopes=EVERYTHING),
        request=body,
    )
    answer = answerer.answer_from(asked, facts)
    (service,) = answerer.declaration.channels.services
    cards = cards_of(answer, answer.outcome, answerer.declaration, Shown(service=service))
    return msgspec.json.encode(cards)


def measured(works: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each work, in turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        for _ in range(3):
            work()
    for _ in range(rounds):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            times[name].append((time.perf_counter() - begun) * 1000)
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--observations", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    body = call(options.observations)
    with tempfile.TemporaryDirectory() as folder:
        memory, disk, predictor, row = answerers(Path(folder))
        works: dict[str, Callable[[], Any]] = {
            "parse": partial(msgspec.json.decode, body),
            "json.loads": partial(json.loads, body),
            "model call": partial(predictor.predict, row),
            "read": partial(read, memory.declaration, body),
            "whole, ledger in memory": partial(whole, memory, body),
            "whole, ledger on disk": partial(whole, disk, body),
        }
        gc.collect()
        gc.freeze()  # as the server does once its models are loaded
        times = measured(works, options.rounds)
    floors = [p + m for p, m in zip(times["parse"], times["model call"], strict=True)]
    ratios = {
        name: [ours / floor for ours, floor in zip(times[name], floors, strict=True)]
        for name in ("read", "whole, ledger in memory", "whole, ledger on disk")
    }
    if options.json:
        medians = {name: statistics.median(found) for name, found in times.items()}
        print(json.dumps({"milliseconds": medians, "ratios": _medians(ratios)}))
        return
    print(f"{options.observations} Observations, {len(body):,} bytes, {TREES} trees")
    for name, found in times.items():
        ratio = f"{statistics.median(ratios[name]):.2f} × the floor" if name in ratios else ""
        middle = statistics.median(found)
        print(f"  {name:<26} {middle:8.3f} ms ({min(found):.3f} to {max(found):.3f})  {ratio}")
    print(f"  {'floor: parse + model call':<26} {statistics.median(floors):8.3f} ms")


def _medians(found: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in found.items()}


if __name__ == "__main__":
    main()
