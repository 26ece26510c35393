"""The parts of one answer, in process and without HTTP: 500 trees, one patient of thirty features.

The parts are timed one by one, each in its own loop; together they take longer than their sum,
since each finds less of what it reads in the processor's caches.

    OMP_NUM_THREADS=1 python benchmarks/answering.py [--repeats 1000] [--json]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np

from bedside.core.clock import iso
from bedside.core.records.answer import Answer, Score
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.bundle import FEATURES
from bedside.core.records.caller import EVERYTHING, Caller
from bedside.core.records.declaration import Declaration
from bedside.features.definition import feature_set_from_json
from bedside.features.inputs import check_inputs, clean_events
from bedside.features.single import features_of
from bedside.infra.runtime.explaining import FormExplainer
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.interop.open_inference.request import InferenceRequest, read_request
from bedside.interop.open_inference.response import response_of
from bedside.serve.reasons import top_reasons
from bedside.serve.scoring import Scorer, ToScore
from serving_ours import our_parts, our_request, prepare

TOGETHER = 16


def whole(content: bytes, declared: Declaration, scorer: Scorer, *, reasons: bool) -> bytes:
    """All that an answer takes but the ledger: from the bytes asked to the bytes told."""
    now = datetime.now(UTC)
    read = read_request(content, declared, now=now)
    clean, aside = clean_events(declared.signals, read.events)
    assert check_inputs(declared, clean, aside, now) is None
    scored = scorer.score(clean, now, (), reasons=reasons)
    assert isinstance(scored.outcome, Score)
    answer = Answer(
        prediction_id="0" * 36,
        model=declared.name,
        version="biopsy@000000000000",
        stage="live",
        as_of=iso(now),
        outcome=scored.outcome,
    )
    return msgspec.json.encode(response_of(answer, scored.outcome, declared))


def asked_of(question: InferenceRequest, content: bytes) -> Asked:
    """The question as a wire hands it on."""
    return Asked(
        read=lambda _: Facts(events=question.events, subject=question.subject_id),
        as_of=question.as_of,
        channel="benchmark",
        caller=Caller(name="benchmark", scopes=EVERYTHING),
        request=content,
    )


def parts_of(folder: Path) -> dict[str, Callable[[], Any]]:
    """What is timed."""
    answerer, bundle = our_parts(folder)
    content, now, declared = our_request(folder), datetime.now(UTC), answerer.declaration
    question = read_request(content, declared, now=now)
    asked = asked_of(question, content)
    matrix = np.array([json.loads((folder / "row.json").read_text())])
    predictor = OnnxPredictor((folder / "model.onnx").read_bytes())
    explainer = FormExplainer((folder / "learnt.json").read_bytes())
    scorer = Scorer(bundle, predictor, explainer)
    features = feature_set_from_json(bundle.files[FEATURES])
    events, _ = clean_events(declared.signals, question.events)
    gave = explainer.contributions(matrix)[0, :-1]
    return {
        "read the request": lambda: read_request(content, declared, now=now),
        "clean and check": lambda: check_inputs(
            declared, *clean_events(declared.signals, question.events), now
        ),
        "make features": lambda: features_of(features, events, now),
        "run the ONNX session": lambda: predictor.predict(matrix),
        "explain with the trees": lambda: explainer.contributions(matrix),
        "tell the reasons": lambda: top_reasons(features, matrix[0], gave, events, now),
        f"score {TOGETHER} together": lambda: scorer.score_many([ToScore(events, now)] * TOGETHER),
        "all, without reasons": lambda: whole(content, declared, scorer, reasons=False),
        "all, without ledger": lambda: whole(content, declared, scorer, reasons=True),
        "append to the ledger": lambda: answerer.record("benchmark", {}, sealed=b"x" * 2000),
        "answer with the ledger": lambda: answerer.answer(asked),
    }


def seconds_of(part: Callable[[], Any], repeats: int) -> list[float]:
    """How long each of many runs took."""
    took = []
    for _ in range(repeats):
        started = time.perf_counter()
        part()
        took.append(time.perf_counter() - started)
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        took = {name: seconds_of(part, options.repeats) for name, part in parts_of(folder).items()}
    told = {
        name: {"median_ms": 1000 * median(one), "least_ms": 1000 * min(one)}
        for name, one in took.items()
    }
    if options.json:
        print(json.dumps(told, indent=2))
        return
    print(f"{'part':26}{'median ms':>11}{'least':>9}")
    for name, one in told.items():
        print(f"{name:26}{one['median_ms']:11.3f}{one['least_ms']:9.3f}")


if __name__ == "__main__":
    main()
