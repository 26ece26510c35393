"""Made-up histories shaped like the samples of ACES, and tasks drawn at random over them."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

__all__ = ["drawn_tasks", "made_up"]

START = datetime(2010, 1, 1)  # noqa: DTZ001 - MEDS has no zones
SPO2 = "lab_name//O2 saturation pulseoxymetry (%)"
INFARCTIONS = ("diagnosis//ICD9CM_41071", "diagnosis//ICD10CM_I214")


def made_up(*, subjects: int, seed: int) -> pl.DataFrame:
    """Stays with measurements, ventilation, infarctions and deaths, in the codes of the samples.

    Args:
        subjects: How many.
        seed: Of the random generator.

    Returns:
        subject_id, time, code, numeric_value.
    """
    random = np.random.default_rng(seed)
    rows: list[tuple[int, datetime | None, str, float | None]] = []
    for subject in range(subjects):
        sex = "male" if random.random() < 0.6 else "female"
        rows.append((subject, None, f"SEX//{sex}", None))
        hour = int(random.integers(0, 1000))
        for _ in range(int(random.integers(1, 4))):
            length = int(random.choice([0, 6, 30, 60, 100, 200]))
            at = START + timedelta(hours=hour)
            rows.append((subject, at, f"ADMISSION//{random.choice(['CARDIAC', 'GENERAL'])}", None))
            for step in range(0, length, int(random.integers(2, 7))):
                when = at + timedelta(hours=step)
                value = float(random.choice([85.0, 90.0, 95.0, 120.0, 125.0]))
                rows.append((subject, when, SPO2, value))
                if random.random() < 0.1:
                    rows.append((subject, when, "PROCEDURE_START", None))
                    rows.append((subject, when, "procedure//Invasive Ventilation", None))
                elif random.random() < 0.15:
                    rows.append((subject, when, "PROCEDURE_END", None))
                    rows.append((subject, when, "procedure//Invasive Ventilation", None))
                if random.random() < 0.05:
                    rows.append((subject, when, str(random.choice(INFARCTIONS)), None))
            left = at + timedelta(hours=length)
            if random.random() < 0.15:
                rows.append((subject, left, "DEATH", None))
                if random.random() < 0.5:
                    rows.append((subject, left, "DISCHARGE//DIED", None))
                break
            rows.append((subject, left, "DISCHARGE//HOME", None))
            hour += length + int(random.choice([0, 3, 200, 900, 12_000]))
    columns = ["subject_id", "time", "code", "numeric_value"]
    return pl.DataFrame(rows, schema=columns, orient="row")


PREDICATES = f"""predicates:
  admission: {{code: {{regex: "ADMISSION//.*"}}}}
  discharge: {{code: {{regex: "^DISCHARGE//"}}}}
  death: {{code: DEATH}}
  low: {{code: "{SPO2}", value_max: 90, value_max_inclusive: True}}
  high: {{code: "{SPO2}", value_min: 120, value_min_inclusive: False}}
  infarction: {{code: {{any: [{", ".join(INFARCTIONS)}]}}}}
  left: {{expr: "or(discharge, death)"}}
  died: {{expr: "and(discharge, death)"}}
  strange: {{expr: "or(low, high)"}}
"""
NAMES = ("admission", "discharge", "death", "low", "high", "infarction", "left", "died", "strange")
PLAIN = NAMES[:6]
BOUNDS = ("(1, None)", "(None, 0)", "(None, 1)", "(1, 1)", "(1, 3)")


def drawn_tasks(count: int, *, seed: int) -> list[bytes]:
    """Tasks whose windows hang together as a tree, each edge of a form that ACES has."""
    random = np.random.default_rng(seed)
    return [_task(random) for _ in range(count)]


def _task(random: np.random.Generator) -> bytes:
    near, lines = ["trigger"], [PREDICATES.rstrip()]
    if random.random() < 0.2:
        lines.append("patient_demographics: {male: {code: SEX//male}}")
    lines += [f"trigger: {random.choice(['admission', 'left', 'low', 'infarction'])}", "windows:"]
    windows = int(random.integers(1, 4))
    for number in range(windows):
        anchor, hours = random.choice(near), int(random.choice([3, 24, 48, 400]))
        name = random.choice(NAMES)
        if random.random() < 0.65:
            end = random.choice(
                [f"start + {hours}h", f"start -> {name}", "NULL"], p=[0.6, 0.3, 0.1]
            )
            start = anchor
        else:
            forms = [f"end - {hours}h", f"end <- {name}", "NULL"]
            start, end = random.choice(forms, p=[0.5, 0.3, 0.2]), anchor
        first, last = random.choice(["True", "False"], size=2)
        lines.append(f"  w{number}:")
        lines.append(f"    start: {start}")
        lines.append(f"    end: {end}")
        lines.append(f"    start_inclusive: {first}")
        lines.append(f"    end_inclusive: {last}")
        if random.random() < 0.4:
            lines.append(f'    has: {{{random.choice(PLAIN)}: "{random.choice(BOUNDS)}"}}')
        if number == windows - 1:
            lines.append(f"    label: {random.choice(NAMES)}")
        if number == 0:
            lines.append(f"    index_timestamp: {'end' if start == anchor else 'start'}")
        near += [f"w{number}.start", f"w{number}.end"]
    return "\n".join(lines).encode() + b"\n"
