"""A made-up hospital of any size, batch by batch: stays, vitals, panels, drugs, codes, corrections.

Everything that is drawn depends on the seed alone, so that the same call makes the same events.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.data.store.layout import STORED_SCHEMA

__all__ = ["CODES", "EVENTS_PER_PATIENT", "Hospital", "asked_codes", "commonest_codes"]

EVENTS_PER_PATIENT = 325
PATIENTS_AT_ONCE = 2_000
HOUR = 3_600_000_000  # microseconds
START = 1_420_070_400_000_000  # 2015-01-01, microseconds since 1970
YEARS = 8
ADMISSION, DISCHARGE, DEATH = "HOSPITAL_ADMISSION//EMERGENCY", "HOSPITAL_DISCHARGE", "MEDS_DEATH"
BIRTH, SEX = "MEDS_BIRTH", "GENDER"
VITALS = tuple(f"VITAL//{number:02}" for number in range(8))
LABS = tuple(f"LOINC//{20000 + number}-{number % 10}" for number in range(300))
DRUGS = tuple(f"ATC//N{number:04}" for number in range(300))
DIAGNOSES = tuple(f"ICD10CM//I{number:03}" for number in range(387))
CODES = (ADMISSION, DISCHARGE, DEATH, BIRTH, SEX, *VITALS, *LABS, *DRUGS, *DIAGNOSES)
UNITS = ("mmol/L", "mg/dL", "mm[Hg]", "/min", "%")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_PLACE = {code: place for place, code in enumerate(CODES)}
_MIDDLE = np.exp(np.random.default_rng(7).uniform(0.5, 5, len(CODES)))  # of each code's values


def commonest_codes(how_many: int) -> tuple[str, ...]:
    """The codes of which there are most: vitals, then laboratory values and drugs in turns."""
    mixed = [code for pair in zip(LABS, DRUGS, strict=True) for code in pair]
    return (*VITALS, *mixed)[:how_many]


def asked_codes(how_many: int = 200) -> tuple[str, ...]:
    """Codes from all over the frequencies, as a model's list has: common, rare and in between."""
    ranked = [*VITALS[:2]]
    step = max((len(CODES) - 13) // (how_many - 2), 1)
    rest = [code for kind in (LABS, DRUGS, DIAGNOSES) for code in kind[::step]]
    return tuple((ranked + rest)[:how_many])


@dataclass(frozen=True, kw_only=True)
class Hospital:
    """So many patients, with about 1.29 stays and 325 events each.

    Args:
        patients: How many.
        seed: Of everything that is drawn.
        known_at_once: Whether each fact is known when it happens, as in data that say no more.
    """

    patients: int
    seed: int = 1
    known_at_once: bool = False

    def subject_ids(self) -> Ints:
        """Identifiers that lie all over the numbers, as digests do; shape (patients,)."""
        return np.arange(self.patients, dtype=np.int64) * 91646573819 + 7

    @cached_property
    def asked(self) -> pl.DataFrame:
        """A prediction time 24 hours after each admission; sorted by subject and time."""
        parts = [_Stays(self, first).asked() for first in range(0, self.patients, PATIENTS_AT_ONCE)]
        return pl.concat(parts).sort("subject_id", "prediction_time")

    def batches(self) -> Iterator[pl.DataFrame]:
        """The events of about 2,000 patients after another, with the stored columns, unsorted."""
        for first in range(0, self.patients, PATIENTS_AT_ONCE):
            yield _Stays(self, first).events()


class _Stays:
    """The stays of a run of patients, and what happens in them."""

    def __init__(self, hospital: Hospital, first: int) -> None:
        self.hospital, self.first = hospital, first
        self.random = random = np.random.default_rng([hospital.seed, first])
        self.ids = hospital.subject_ids()[first : first + PATIENTS_AT_ONCE]
        stays = 1 + random.poisson(0.29, len(self.ids))
        self.patient = np.arange(len(self.ids)).repeat(stays)
        first_stay = np.cumsum(stays) - stays
        self.hours = np.clip(random.lognormal(np.log(72), 0.8, len(self.patient)), 6, 60 * 24)
        gap = random.exponential(200 * 24, len(self.patient))  # from one stay to the next
        gap[1:] += self.hours[:-1]
        gap[first_stay] = random.uniform(0, YEARS * 365 * 24, len(self.ids))
        total = np.cumsum(gap)
        since = total - np.r_[0.0, total][first_stay].repeat(stays)
        self.admitted = START + (since * 60).astype(np.int64) * (HOUR // 60)
        self.intensive = random.random(len(self.patient)) < 0.22
        self.dies = random.random(len(self.patient)) < 0.05
        last = np.r_[self.patient[1:] != self.patient[:-1], True]
        self.dies &= last  # nobody comes back

    def asked(self) -> pl.DataFrame:
        """One row for each stay."""
        moment = pl.Series(self.admitted + 24 * HOUR).cast(STORED_SCHEMA["time"])
        return pl.DataFrame({"subject_id": self.ids[self.patient], "prediction_time": moment})

    def events(self) -> pl.DataFrame:
        """Every event, kind after kind."""
        parts = [self._facts(), self._moves(), self._vitals(), self._labs(), self._drugs()]
        parts.append(self._diagnoses())
        parts.append(_corrected(parts[3], self.random))
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if self.hospital.known_at_once:
            whole["known_at"] = np.where(whole["time"] == _NEVER, START, whole["time"])
        return self._table(whole)

    def _facts(self) -> dict[str, Ints | Floats]:
        """Sex without a time, and birth."""
        n = len(self.ids)
        patient = np.tile(np.arange(n), 2)
        code = np.repeat([_PLACE[SEX], _PLACE[BIRTH]], n)
        age = (self.random.normal(62, 17, n).clip(18, 100) * 365.25 * 24).astype(np.int64) * HOUR
        born = np.r_[np.full(n, _NEVER), START - age]
        known = np.full(2 * n, START)
        return self._rows(code, born, known, patient=patient, stay=np.full(2 * n, -1))

    def _moves(self) -> dict[str, Ints | Floats]:
        """Admission, discharge, and death at the end of some stays."""
        n, minute = len(self.patient), HOUR // 60
        left = self.admitted + (self.hours * 60).astype(np.int64) * minute
        died = np.flatnonzero(self.dies)
        code = np.r_[
            np.repeat([_PLACE[ADMISSION], _PLACE[DISCHARGE]], n),
            np.full(len(died), _PLACE[DEATH]),
        ]
        when = np.r_[self.admitted, left, left[died]]
        stay = np.r_[np.tile(np.arange(n), 2), died]
        return self._rows(code, when, when + 5 * minute, stay=stay)

    def _vitals(self) -> dict[str, Ints | Floats]:
        """Charted each hour in intensive care and each four hours elsewhere, five at a time."""
        every = np.where(self.intensive, 1.45, 5.4)  # hours between two charted rows, on average
        stay, when = self._moments(self.hours / every)
        charted = len(stay)
        take = self.random.permuted(np.tile(np.arange(8), (charted, 1)), axis=1)[:, :5]
        code = (_PLACE[VITALS[0]] + take).ravel()
        known = when + self.random.integers(0, 20, charted) * (HOUR // 60)
        return self._rows(
            code, when.repeat(5), known.repeat(5), stay=stay.repeat(5), record=5, value=True
        )

    def _labs(self) -> dict[str, Ints | Floats]:
        """Panels of 4 to 16, drawn about each 14 hours, reported about 50 minutes later."""
        stay, drawn = self._moments(1 + self.hours / 14)
        size = self.random.integers(4, 17, len(stay))
        known = drawn + (self.random.lognormal(np.log(50), 0.6, len(stay)) * 60e6).astype(np.int64)
        code = _PLACE[LABS[0]] + self._zipf(len(LABS), int(size.sum()))
        return self._rows(
            code, drawn.repeat(size), known.repeat(size), stay=stay.repeat(size), value=True
        )

    def _drugs(self) -> dict[str, Ints | Floats]:
        """Orders with a dose and an end, up to five days later."""
        stay, ordered = self._moments(3 + self.hours / 12)
        code = _PLACE[DRUGS[0]] + self._zipf(len(DRUGS), len(stay))
        end = ordered + (self.random.exponential(30, len(stay)).clip(0.5, 120) * 60).astype(
            np.int64
        ) * (HOUR // 60)
        return self._rows(code, ordered, ordered + 2 * (HOUR // 60), stay=stay, value=True, end=end)

    def _diagnoses(self) -> dict[str, Ints | Floats]:
        """Coded at discharge and known days after it, without a value."""
        count = 1 + self.random.poisson(7, len(self.patient))
        stay = np.arange(len(self.patient)).repeat(count)
        when = self.admitted[stay] + (self.hours[stay] * 60).astype(np.int64) * (HOUR // 60)
        known = when + self.random.integers(24, 24 * 10, len(stay)) * HOUR
        code = _PLACE[DIAGNOSES[0]] + self._zipf(len(DIAGNOSES), len(stay))
        return self._rows(code, when, known, stay=stay)

    def _moments(self, mean: Floats) -> tuple[Ints, Ints]:
        """Whole minutes in each stay, so many on average: the stay and the time."""
        stay = np.arange(len(mean)).repeat(self.random.poisson(mean))
        minutes = (self.random.random(len(stay)) * self.hours[stay] * 60).astype(np.int64)
        return stay, self.admitted[stay] + minutes * (HOUR // 60)

    def _zipf(self, kinds: int, how_many: int) -> Ints:
        """Which of so many kinds, the k-th in proportion to 1 / (k + 1)."""
        share = np.cumsum(1 / np.arange(1, kinds + 1))
        return np.searchsorted(share / share[-1], self.random.random(how_many)).astype(np.int64)

    def _rows(
        self,
        code: Ints,
        when: Ints,
        known: Ints,
        *,
        stay: Ints,
        patient: Ints | None = None,
        record: int = 1,
        value: bool = False,
        end: Ints | None = None,
    ) -> dict[str, Ints | Floats]:
        """Columns; `record` is how many rows in a run come from one raw record."""
        n = len(code)
        drawn = self.random.lognormal(0, 0.25, n) * _MIDDLE[code] if value else np.full(n, np.nan)
        ids = self.random.integers(0, 2**63, (-(-n // record), 2)).repeat(record, axis=0)[:n]
        return {
            "patient": self.patient[stay] if patient is None else patient,
            "time": when,
            "known_at": known,
            "end": np.full(n, _NEVER) if end is None else end,
            "code": code,
            "value": drawn.round(2),
            "stay": stay,
            "record": ids,
            "replaces": np.zeros((n, 2), dtype=np.int64),
        }

    def _table(self, whole: dict[str, Ints | Floats]) -> pl.DataFrame:
        code, value = whole["code"].astype(np.int64), whole["value"]
        sexes = np.where(np.arange(len(self.ids)) % 2, "F", "M")
        of_sex = code == _PLACE[SEX]
        text = np.full(len(code), None, dtype=object)
        text[of_sex] = sexes[whole["patient"][of_sex].astype(np.int64)]
        number, known = pl.Series(code), pl.Series(~np.isnan(value))
        names = pl.Series(CODES, dtype=pl.Categorical)
        units = pl.Series(UNITS, dtype=pl.Categorical)
        stay = self.first * 4 + whole["stay"].astype(np.int64)
        table = pl.DataFrame(
            {
                "subject_id": self.ids[whole["patient"].astype(np.int64)],
                **{name: _times(whole[name]) for name in ("time", "known_at", "end")},
                "code": names.gather(number),
                "value": pl.Series(value).fill_nan(None),
                "unit": units.gather(number % len(UNITS)).zip_with(
                    known, pl.Series([None], dtype=pl.Categorical)
                ),
                "text": pl.Series(text, dtype=pl.String),
                "encounter_id": pl.Series(stay).set(pl.Series(whole["stay"] < 0), None),
                "source_row": _digests(whole["record"]),
                "replaces": _digests(whole["replaces"]),
                "source_file": pl.repeat(0, len(code), dtype=pl.Int32, eager=True),
                "source_offset": pl.Series(np.arange(len(code))),
            }
        )
        return table.select(pl.col(name).cast(kind) for name, kind in STORED_SCHEMA.items())


_NEVER = np.int64(np.iinfo(np.int64).min)


def _times(moments: Ints | Floats) -> pl.Series:
    told = pl.Series(moments)
    return told.set(told == _NEVER, None).cast(STORED_SCHEMA["time"])


def _digests(pairs: Ints | Floats) -> pl.Series:
    """The 16 bytes of each pair of numbers; none of two zeros."""
    import pyarrow as pa  # noqa: PLC0415

    pairs = np.ascontiguousarray(pairs.astype(np.int64))
    fixed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), len(pairs), [None, pa.py_buffer(pairs)]
    )
    told = pl.Series(pl.from_arrow(fixed.cast(pa.large_binary())))
    return told.zip_with(pl.Series(pairs.any(axis=1)), pl.Series([None], dtype=pl.Binary))


def _corrected(
    labs: dict[str, Ints | Floats], random: np.random.Generator
) -> dict[str, Ints | Floats]:
    """One laboratory value of 250 again, some hours later, with another value."""
    again = np.flatnonzero(random.random(len(labs["code"])) < 0.004)
    rows = {name: column[again] for name, column in labs.items()}
    rows["known_at"] = rows["known_at"] + random.integers(1, 12, len(again)) * HOUR
    rows["value"] = (rows["value"] * 1.1).round(2)
    rows["replaces"] = rows["record"]
    rows["record"] = random.integers(0, 2**63, (len(again), 2))
    return rows


def main() -> None:
    """Make some events and print what they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=650_000)
    hospital = Hospital(patients=parser.parse_args().events // EVENTS_PER_PATIENT)
    began = time.perf_counter()
    events = pl.concat(list(hospital.batches()))
    made = time.perf_counter() - began
    asked = asked_codes()
    share = events["code"].cast(pl.String).is_in(list(asked)).mean()
    print(
        f"{events.height:,} events of {hospital.patients:,} patients, {hospital.asked.height:,} "
        f"prediction times, {events['code'].n_unique():,} codes; {len(asked)} asked codes have "
        f"{share:.0%} of the events, {events['replaces'].drop_nulls().len():,} are corrections"
    )
    print(f"{events.height / made:,.0f} are made in a second")


if __name__ == "__main__":
    main()
