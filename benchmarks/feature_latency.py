"""Features of one patient with 5,000 events, asked once or after each event of a stream.

The floor looks which of the 5,000 events can be seen at a moment, in NumPy, and does nothing more.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from itertools import count

import numpy as np
import polars as pl

from bedside.core.records.event import EVENT_COLUMNS, Event
from bedside.features.definition import FeatureSet
from bedside.features.single import event_columns, features_of, features_of_columns
from bedside.features.stream import SubjectState
from features import features_of as every_feature_of
from synthetic_events import PATIENTS_AT_ONCE, Hospital, asked_codes

EVENTS = 5_000


def one_record() -> list[Event]:
    """5,000 events of asked codes in the order in which they became known, all of one patient."""
    hospital = Hospital(patients=PATIENTS_AT_ONCE)
    asked = pl.col("code").cast(pl.String).is_in(list(asked_codes()))
    events = next(hospital.batches()).filter(asked & pl.col("time").is_not_null())
    chosen = events.gather_every(events.height // EVENTS)[:EVENTS].sort("known_at", "time")
    rows = chosen.with_columns(pl.lit(1, dtype=pl.Int64).alias("subject_id"))
    told = rows.select(pl.col("code", "unit").cast(pl.String), pl.exclude("code", "unit"))
    events = (Event(**row) for row in told.select(EVENT_COLUMNS).iter_rows(named=True))
    return [in_utc(event) for event in events]


def in_utc(event: Event) -> Event:
    """The event with its times as the readers of requests give them."""
    time, end = (None if at is None else at.astimezone(UTC) for at in (event.time, event.end))
    return replace(event, time=time, end=end, known_at=event.known_at.astimezone(UTC))


def stream_of(feature_set: FeatureSet, events: list[Event]) -> Callable[[int], object]:
    """One more event, of a code that the features read, and the features after it."""
    state, arrivals = SubjectState(feature_set), count()
    for event in events:
        state.add(event)
    last = max(event.known_at for event in events)
    state.features(last)
    codes = feature_set.codes

    def streamed(_: int) -> object:
        arrived = next(arrivals)
        moment = last + timedelta(minutes=arrived)
        told = Event(
            subject_id=1, time=moment, known_at=moment, code=codes[arrived % len(codes)],
            value=1.0, source_row=arrived.to_bytes(8, "big"),
        )  # fmt: skip
        state.add(told)
        return state.features(moment)

    return streamed


def timed(work: Callable[[int], object], calls: int) -> list[tuple[float, float]]:
    """Milliseconds of each call and of computing in it, after some calls that do not count."""
    taken = []
    for number in range(-20, calls):
        began, computed = time.perf_counter(), time.thread_time()
        work(number % calls)
        if number >= 0:
            ended, done = time.perf_counter(), time.thread_time()
            taken.append((1000 * (ended - began), 1000 * (done - computed)))
    return taken


def main() -> None:
    """Measure all in turns and print them as ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    feature_set, events = every_feature_of(asked_codes()), one_record()
    columns = event_columns(feature_set, events)
    last = max(event.known_at for event in events)
    moments = [last + timedelta(minutes=number) for number in range(given.calls)]
    micros = [int(moment.timestamp() * 1e6) for moment in moments]

    def floor(number: int) -> object:
        now = micros[number]
        return np.flatnonzero((columns.time <= now) & (columns.known_at <= now))

    streams = {
        f"a stream, {32 * codes:,} features": stream_of(
            every_feature_of(asked_codes()[:codes]), events
        )
        for codes in (7, 20, 200)
    }
    told: dict[str, list[tuple[float, float]]] = {}
    work: dict[str, Callable[[int], object]] = {
        "floor": floor,
        "columns in memory": lambda n: features_of_columns(feature_set, columns, moments[n]),
        "events as records": lambda n: features_of(feature_set, events, moments[n]),
        **streams,
    }
    for _ in range(given.rounds):
        for name, one in work.items():
            calls = given.calls if name != "events as records" else given.calls // 10
            told.setdefault(name, []).extend(timed(one, calls))
    print(f"{len(events):,} events of one patient, {len(feature_set.features):,} features:")
    for name, taken in told.items():
        (p50, of_computing), (p99, most) = np.percentile(taken, [50, 99], axis=0)
        beside = of_computing / np.percentile(told["floor"], 50, axis=0)[1]
        print(
            f"  {name:<28} p50 {p50:7.3f} ms, p99 {p99:7.3f} ms; of computing {of_computing:7.3f} "
            f"and {most:7.3f} ms; / floor {beside:,.0f}"
        )


if __name__ == "__main__":
    main()
