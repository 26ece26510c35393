"""A CDS Hooks call with 500 prefetched Observations against parsing its JSON and one model call.

Floor: the fastest JSON library here (msgspec) parsing the whole body once, and the same ONNX
session run once on a row that is there already. Ours takes the call from its bytes to the bytes of
the card: context checked, units, times and patients of all 500 resources checked, features, score,
reasons, the sealed record of the answer, with the ledger in memory and, beside it, on disk. All are
measured in turns in one process, beside writing as many bytes to a file and synchronising it. Then
sixteen calls at a time are put to the wire itself, without HTTP, the ledger on disk: the time of
each is that of all by their number. `CPU` is what the whole process took of the processor: where
other work runs beside, it and its ratio say more than the clock, but not what the disk takes.

    python benchmarks/cds_hooks.py [--rounds 30] [--observations 500] [--json]
"""

import argparse
import asyncio
import gc
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from starlette.requests import Request

from bedside.core.clock import FixedClock, SystemClock
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.bundle import EXAMPLE, FEATURES, Bundle
from bedside.core.records.caller import EVERYTHING, Caller
from bedside.core.records.declaration import Declaration, Learner
from bedside.core.records.ledger import GENESIS, Actor, LedgerEntry
from bedside.core.records.version import Stage
from bedside.deploy.package.onnx_graph import onnx_of
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.lightgbm import LightGbm
from bedside.develop.train.matrix import Matrix
from bedside.features.definition import expand, feature_set_to_json
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.group_commit import GroupCommit
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
from bedside.serve.cds_hooks import CdsHooksWire
from bedside.serve.routes import CALLER
from bedside.serve.service import Service, models_of
from cds_hooks_call import NOW, VITALS, call, declaration

TREES = 500
AT_ONCE = 16
OURS = ("read", "whole, ledger in memory", "whole, ledger on disk")


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


def answerers(folder: Path) -> tuple[list[Answerer], OnnxPredictor, Any]:
    """Of one model, with the ledger in memory, on disk, and there for several at once.

    Beside them its predictor, and one row.
    """
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
        for ledger in (MemoryLedger(), on_disk, GroupCommit(on_disk))
    ]
    return made, predictor, row


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


def synchronised(file: int, content: bytes) -> None:
    """What the disk alone takes for as many bytes."""
    os.pwrite(file, content, 0)
    os.fdatasync(file)


class Spent(NamedTuple):
    """Milliseconds by the clock, and of the processor."""

    clock: float
    cpu: float


def spent(since: Spent | None = None, times: int = 1) -> Spent:
    """Now; or what was spent since then, for each of so many."""
    now = Spent(time.perf_counter() * 1000, time.process_time() * 1000)
    if since is None:
        return now
    return Spent((now.clock - since.clock) / times, (now.cpu - since.cpu) / times)


def at_once(answerer: Answerer, body: bytes, rounds: int) -> list[Spent]:
    """What each call takes, where sixteen are always under way, in each round."""
    service = Service(models_of([answerer], {}))
    wire, caller = CdsHooksWire(service), Caller(name="benchmark", scopes=EVERYTHING)

    async def received() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def call_in_turn(times: int) -> None:
        for _ in range(times):
            told = {"service": "watch"}
            scope = {"type": "http", "method": "POST", "path_params": told, CALLER: caller}
            answer = await wire.call(Request(scope, received))
            assert b'"cards"' in answer.body

    async def all_of_them() -> list[Spent]:
        found = []
        for _ in range(1 + rounds):
            begun = spent()
            await asyncio.gather(*(call_in_turn(4) for _ in range(AT_ONCE)))
            found.append(spent(begun, 4 * AT_ONCE))
        return found[1:]

    try:
        return asyncio.run(all_of_them())
    finally:
        service.close()


def measured(works: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[Spent]]:
    """What each work takes, in turns."""
    times: dict[str, list[Spent]] = {name: [] for name in works}
    for work in works.values():
        for _ in range(3):
            work()
    for _ in range(rounds):
        for name, work in works.items():
            begun = spent()
            work()
            times[name].append(spent(begun))
    return times


def middle(times: Sequence[Spent]) -> Spent:
    """The median of each."""
    return Spent(
        statistics.median(one.clock for one in times), statistics.median(one.cpu for one in times)
    )


def ratio(ours: Sequence[Spent], floors: Sequence[Spent]) -> Spent:
    """The median of the ratios, each by its own turn."""
    pairs = list(zip(ours, floors, strict=True))
    return middle([Spent(one.clock / low.clock, one.cpu / low.cpu) for one, low in pairs])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--observations", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    body = call(options.observations)
    with tempfile.TemporaryDirectory() as folder:
        (memory, disk, several), predictor, row = answerers(Path(folder))
        file = os.open(Path(folder) / "synchronised", os.O_RDWR | os.O_CREAT)
        works: dict[str, Callable[[], Any]] = {
            "parse": partial(msgspec.json.decode, body),
            "json.loads": partial(json.loads, body),
            "model call": partial(predictor.predict, row),
            "read": partial(read, memory.declaration, body),
            "whole, ledger in memory": partial(whole, memory, body),
            "whole, ledger on disk": partial(whole, disk, body),
            "write and synchronise": partial(synchronised, file, body),
        }
        gc.collect()
        gc.freeze()  # as the server does once its models are loaded
        times = measured(works, options.rounds)
        os.close(file)
        together = at_once(several, body, max(3, options.rounds // 10))
    floors = [
        Spent(parse.clock + call.clock, parse.cpu + call.cpu)
        for parse, call in zip(times["parse"], times["model call"], strict=True)
    ]
    floor, each = middle(floors), middle(together)
    several_at_once = f"{AT_ONCE} at once, ledger on disk"
    rows = {name: middle(found) for name, found in times.items()}
    rows |= {"floor: parse + model call": floor, several_at_once: each}
    ratios = {name: ratio(times[name], floors) for name in OURS}
    ratios[several_at_once] = Spent(each.clock / floor.clock, each.cpu / floor.cpu)
    if options.json:
        told = {name: found._asdict() for name, found in rows.items()}
        print(
            json.dumps(
                {"milliseconds": told, "ratios": {n: r._asdict() for n, r in ratios.items()}}
            )
        )
        return
    print(f"{options.observations} Observations, {len(body):,} bytes, {TREES} trees")
    print(f"  {'':<28} {'ms':>8} {'CPU ms':>8}   × the floor, and of CPU")
    for name, found in rows.items():
        told = f"{ratios[name].clock:8.2f} {ratios[name].cpu:8.2f}" if name in ratios else ""
        print(f"  {name:<28} {found.clock:8.3f} {found.cpu:8.3f}   {told}".rstrip())


if __name__ == "__main__":
    main()
