"""A small sepsis model that is served, and patients to ask it about; ordinary unless you say."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import numpy as np

from bedside.core.clock import FixedClock
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.answer import Answer
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.bundle import (
    CARD,
    EXAMPLE,
    FEATURES,
    LEARNT,
    UNCERTAINTY,
    Bundle,
    GroupThreshold,
)
from bedside.core.records.caller import EVERYTHING, Caller
from bedside.core.records.declaration import (
    CdsHooks,
    Channels,
    Clock,
    Declaration,
    Eligibility,
    Evaluation,
    IntendedUse,
    Signal,
    Source,
    Threshold,
)
from bedside.core.records.event import Event
from bedside.core.records.features import FeatureRule, Learnt
from bedside.core.records.fhir_channel import Fhir
from bedside.core.records.ledger import GENESIS, Actor, LedgerEntry, LedgerFault
from bedside.core.records.question import Question
from bedside.core.records.rollout import Canary
from bedside.core.records.version import Stage
from bedside.features.definition import expand, feature_set_to_json
from bedside.models.form import Additive, Member, ModelForm, Term
from bedside.models.form_json import form_to_json
from bedside.models.learnt import LearntModel
from bedside.serve.answer import Answerer
from bedside.serve.app import create_app
from bedside.serve.auth import TokenCheck, token_digest
from bedside.serve.gate import Gate
from bedside.serve.service import Service, models_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOKEN = "the-token-of-the-tests"  # noqa: S105 - opens nothing outside the tests
TOKEN_SHA256 = token_digest(TOKEN)
VERSION = "sepsis@0123456789ab"
START = "VISIT//icu"


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def a_declaration(**changes: Any) -> Declaration:
    parts: dict[str, Any] = {
        "bedside": 1,
        "name": "sepsis",
        "title": "Sepsis in intensive care",
        "intended_use": IntendedUse(
            decision="look at the patient now",
            users=("intensivist",),
            population="adults in intensive care",
            not_for=("children",),
        ),
        "data": Source(
            file="icu.parquet",
            subject="id",
            clock=Clock(origin="2019-01-01T00:00:00Z"),
            licence="CC-BY-4.0",
            release_mode="safe_harbor",
            start_event=START,
        ),
        "signals": {
            "lactate": Signal(
                label="lactate",
                code="LOINC//2524-7",
                column="Lactate",
                unit="mmol/L",
                visible_after="90 min",
                plausible=(0.1, 40.0),
            ),
            "heart_rate": Signal(
                label="heart rate",
                code="LOINC//8867-4",
                column="HR",
                unit="/min",
                visible_after="0 min",
                plausible=(10.0, 300.0),
                required=True,
                stale_after="6 h",
            ),
            "systolic": Signal(
                label="systolic pressure",
                code="LOINC//8480-6",
                column="SBP",
                unit="mm[Hg]",
                visible_after="0 min",
                plausible=(20.0, 300.0),
            ),
            "temperature": Signal(
                label="temperature",
                code="LOINC//8310-5",
                column="Temp",
                unit="Cel",
                visible_after="0 min",
                plausible=(20.0, 45.0),
            ),
            "age": Signal(
                label="age",
                code="AGE//years",
                column="Age",
                unit="a",
                visible_after="0 min",
                role="static",
            ),
            "sex": Signal(
                label="sex",
                code="SEX//administrative",
                column="Gender",
                visible_after="0 min",
                role="static",
                categories={"0": "female", "1": "male"},
            ),
            "sepsis": Signal(
                label="sepsis",
                code="OUTCOME//sepsis",
                column="SepsisLabel",
                visible_after="0 min",
                role="outcome",
            ),
        },
        "question": Question(ask="sepsis within 6 h", predicates={}, trigger="hour", windows={}),
        "features": (
            FeatureRule(
                signals=("lactate", "heart_rate", "systolic", "temperature"),
                aggregates=("last", "max"),
                windows=("6h",),
            ),
            FeatureRule(signals=("age", "sex")),
            FeatureRule(since=START, label="ICU admission"),
        ),
        "evaluation": Evaluation(threshold=Threshold(value=0.3)),
        "eligibility": (Eligibility(signal="age", at_least=18.0),),
        "channels": Channels(
            cds_hooks=CdsHooks(
                id="sepsis-now",
                title="Sepsis watch",
                description="Risk of sepsis in 6 hours.",
            ),
            fhir=Fhir(),
        ),
    }
    return Declaration(**(parts | changes))


class LogisticModel:
    """A logistic regression around ordinary values; what is missing adds nothing.

    `mode` may be switched after loading: it then fails as a real model can.
    """

    WEIGHTS: ClassVar[dict[str, tuple[float, float]]] = {
        "lactate.last": (0.6, 1.5),
        "lactate.max.6h": (0.4, 1.5),
        "heart_rate.last": (0.03, 85.0),
        "systolic.last": (-0.03, 120.0),
        "temperature.last": (0.3, 37.0),
        "age.last": (0.01, 60.0),
        "LOINC//2823-3.last": (0.8, 4.0),
    }
    BASE = -2.5

    def __init__(self, names: tuple[str, ...]) -> None:
        self.mode = "well"
        pairs = [self.WEIGHTS.get(name, (0.0, 0.0)) for name in names]
        self.weights, self.centre = np.array(pairs).T

    def predict(self, matrix: Any) -> Any:
        if self.mode == "raises":
            raise RuntimeError(f"cannot run on {matrix.tolist()}")
        if self.mode not in ("well", "unexplained"):
            return {"nan": np.array([np.nan]), "two": np.array([2.0]), "text": "high"}[self.mode]
        return 1 / (1 + np.exp(-self._parts(matrix).sum(axis=1)))

    def contributions(self, matrix: Any) -> Any:
        parts = self._parts(matrix)
        return parts * np.nan if self.mode == "unexplained" else parts

    def _parts(self, matrix: Any) -> Any:
        parts = np.nan_to_num((matrix - self.centre) * self.weights, nan=0.0)
        return np.column_stack([parts, np.full(len(matrix), self.BASE)])


@dataclass
class MemoryLedger:
    """A ledger in memory, chained like the real one; `full` makes it fail like a full disk."""

    full: bool = False
    kept: list[tuple[LedgerEntry, bytes | None]] = field(default_factory=list)

    def append(
        self,
        actor: Actor,
        action: str,
        details: dict[str, Any],
        *,
        sealed: bytes | None = None,
        subject: int | None = None,
    ) -> LedgerEntry:
        if self.full:
            raise OSError(28, "No space left on device")
        previous = self.kept[-1][0].hash if self.kept else GENESIS
        content = canonical_json([previous, actor.name, actor.purpose, action, details])
        entry = LedgerEntry(
            sequence=len(self.kept) + 1,
            at="2026-03-01T12:00:00Z",
            actor=actor.name,
            purpose=actor.purpose,
            action=action,
            details=details,
            sealed_digest=digest_bytes(sealed) if sealed is not None else None,
            previous=previous,
            hash=digest_bytes(content),
        )
        self.kept.append((entry, sealed))
        return entry

    def entries(self) -> Iterator[LedgerEntry]:
        return iter([entry for entry, _ in self.kept])

    def unseal(self, sequence: int) -> bytes:
        return self.kept[sequence - 1][1] or b""

    def verify(self) -> list[LedgerFault]:
        return []


class HttpClient:
    """Speaks HTTP to an application in this process; every request has its own event loop."""

    def __init__(self, app: Any, *, token: str | None = TOKEN, host: str = "127.0.0.1") -> None:
        self._app = app
        self._base = f"http://{host}"
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def request(self, method: str, path: str, **parts: Any) -> httpx.Response:
        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(
                transport=transport, base_url=self._base, headers=self._headers
            ) as client:
                return await client.request(method, path, **parts)

        return asyncio.run(exchange())

    def get(self, path: str, **parts: Any) -> httpx.Response:
        return self.request("GET", path, **parts)

    def post(self, path: str, **parts: Any) -> httpx.Response:
        return self.request("POST", path, **parts)


@dataclass
class Served:
    """A model being served, with the parts that a test looks at."""

    answerer: Answerer
    model: Any
    ledger: Any

    def answer(self, events: Sequence[Event], **parts: Any) -> Answer:
        return self.answerer.answer(asked(events, **parts))


def asked(events: Sequence[Event], **parts: Any) -> Asked:
    """A question with these events, whichever version reads it."""
    facts = Facts(
        events=tuple(events), subject=parts.pop("subject", None), notes=parts.pop("notes", ())
    )
    told: dict[str, Any] = {
        "read": lambda _: facts,
        "as_of": NOW,
        "channel": "test",
        "caller": Caller(name="test", scopes=EVERYTHING),
        "request": b"{}",
    }
    return Asked(**(told | parts))


def service_for(*answerers: Answerer, **canaries: Canary) -> Service:
    """What serves these versions; who sees the one in canary, by model."""
    return Service(models_of(answerers, canaries))


def app_for(*answerers: Answerer, **options: Any) -> Gate:
    """The application of these versions, opened by `TOKEN`."""
    service = service_for(*answerers)
    return create_app(service, authenticators=[TokenCheck(TOKEN_SHA256)], **options)


def a_form(declaration: Declaration, **parts: Any) -> ModelForm:
    """A real form over the declaration's features, whose margins rise with the lactate.

    The first margin of several stays at 0; each further one rises more steeply.
    """
    names = expand(declaration).names
    hazards = parts.get("hazards")
    size = len(parts.get("levels", ())) if parts.get("link") == "softmax" else 1
    size = len(hazards.cumulative) if hazards is not None else size
    steep = [1.0] if size == 1 else [0.6 * at for at in range(size)]
    lactate = Term(
        kind="linear",
        features=(names.index("lactate.last"),),
        scores=tuple((slope, 0.0) for slope in steep),
    )
    part = Additive(
        intercept=tuple(-2.0 * slope for slope in steep),
        terms=(lactate,),
        expected=((0.0,) * size,),
    )
    told: dict[str, Any] = {"outcome": "binary", "link": "logistic"}
    return ModelForm(width=len(names), members=(Member(part=part),), **(told | parts))


def a_served_model(
    *,
    stage: Stage = Stage.LIVE,
    example_risk: float | None = None,
    declaration: Declaration | None = None,
    learnt: Learnt | None = None,
    now: datetime = NOW,
    form: ModelForm | None = None,
    uncertainty: Mapping[str, Any] | None = None,
    threshold: float | None = 0.3,
    group_thresholds: tuple[GroupThreshold, ...] = (),
    ledger: Any = None,
    version: str = VERSION,
) -> Served:
    """With a form, the real model of it runs; without, one that can be made to fail."""
    declaration = declaration or a_declaration()
    features = expand(declaration, learnt)
    model: Any = LogisticModel(features.names) if form is None else LearntModel(form)
    ledger = MemoryLedger() if ledger is None else ledger
    row = np.full((1, len(features.features)), np.nan)
    row[0, 0] = 4.0
    risk = float(model.predict(row)[0]) if example_risk is None else example_risk
    values = [None if np.isnan(value) else value for value in row[0].tolist()]
    bundle = Bundle(
        digest="ab" * 32,
        declaration=declaration,
        threshold=threshold,
        group_thresholds=group_thresholds,
        files={
            CARD: b"# Sepsis in intensive care\n\n| | |\n|---|---|\n| For | <b>adults</b> |\n\n"
            b"See [the report](report.html#data) and [doi](https://doi.org/1).\n",
            FEATURES: feature_set_to_json(features),
            EXAMPLE: json.dumps({"features": values, "risk": risk}).encode(),
            **({} if form is None else {LEARNT: form_to_json(form)}),
            **({} if uncertainty is None else {UNCERTAINTY: canonical_json(uncertainty)}),
        },
    )
    answerer = Answerer(
        bundle,
        version,
        stage,
        model,
        model,
        ledger,
        FixedClock(now),
        Actor(name="server", purpose="care"),
    )
    answerer.warm_up()  # a first call compiles, which no time limit of a test should see
    return Served(answerer, model, ledger)


def an_event(code: str, value: float | None = None, **changes: Any) -> Event:
    parts: dict[str, Any] = {
        "subject_id": 7,
        "time": hours_ago(1),
        "known_at": hours_ago(1),
        "code": code,
        "value": value,
    }
    return Event(**(parts | changes))


def a_patient(
    *, lactate: float | None = 4.2, heart_rate: float | None = 118.0, age: float = 71.0
) -> list[Event]:
    events = [an_event("AGE//years", age, unit="a", time=None)]
    if lactate is not None:
        events.append(an_event("LOINC//2524-7", lactate, unit="mmol/L"))
    if heart_rate is not None:
        events.append(an_event("LOINC//8867-4", heart_rate, unit="/min"))
    return events


def an_observation(loinc: str, value: float, unit: str, **changes: Any) -> dict[str, Any]:
    parts = {
        "resourceType": "Observation",
        "id": f"obs-{loinc}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
        "subject": {"reference": "Patient/pat-1"},
        "effectiveDateTime": "2026-03-01T11:00:00Z",
        "issued": "2026-03-01T11:05:00Z",
        "valueQuantity": {
            "value": value,
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    }
    return {key: part for key, part in (parts | changes).items() if part is not None}


def a_fhir_patient(**changes: Any) -> dict[str, Any]:
    parts = {
        "resourceType": "Patient",
        "id": "pat-1",
        "gender": "female",
        "birthDate": "1955-02-03",
    }
    return {key: part for key, part in (parts | changes).items() if part is not None}


def a_search(*resources: dict[str, Any], **changes: Any) -> dict[str, Any]:
    entries = [{"resource": each, "search": {"mode": "match"}} for each in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries} | changes


def an_encounter(**changes: Any) -> dict[str, Any]:
    parts = {
        "resourceType": "Encounter",
        "id": "enc-1",
        "status": "in-progress",
        "subject": {"reference": "Patient/pat-1"},
        "period": {"start": "2026-02-28T12:00:00Z"},
    }
    return parts | changes


def a_hook_call(*observations: dict[str, Any], **prefetch: Any) -> dict[str, Any]:
    seen = observations or (
        an_observation("2524-7", 4.2, "mmol/L"),
        an_observation("8867-4", 118, "/min"),
    )
    return {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/7", "patientId": "pat-1"},
        "prefetch": {
            "patient": a_fhir_patient(),
            "observations": a_search(*seen),
            "encounters": a_search(an_encounter()),
        }
        | prefetch,
    }


def a_tensor(name: str, *data: Any, **parameters: Any) -> dict[str, Any]:
    datatype = "BYTES" if name == "sex" else "FP64"
    tensor = {"name": name, "shape": [len(data)], "datatype": datatype, "data": list(data)}
    return tensor | ({"parameters": parameters} if parameters else {})


def an_inference(*tensors: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    inputs = tensors or (
        a_tensor("lactate", 4.2),
        a_tensor("heart_rate", 118.0),
        a_tensor("age", 71.0),
        a_tensor("sex", "female"),
    )
    return {"inputs": list(inputs)} | ({"parameters": parameters} if parameters else {})
