"""When to abstain, of many rows at once: what `check_inputs` says of each, from columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.clock import microseconds, parse_duration
from bedside.core.records.answer import AbstentionReason
from bedside.core.records.declaration import Declaration, Eligibility
from bedside.features import figures
from bedside.features.batch import stamps
from bedside.features.compiled import entry
from bedside.features.figures import ALWAYS, NEVER
from bedside.features.first_reasons import FirstReasons
from bedside.features.inputs import plausible_ranges

__all__ = [
    "ASIDE",
    "COLUMNS",
    "check_rows",
    "codes_that_decide",
    "rejecting_codes",
    "rows_that_decide",
]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
COLUMNS = ("subject_id", "time", "known_at", "code", "value", "source_row", "replaces")
"""What `check_rows` reads of an event."""
ASIDE = ("subject_id", "time", "known_at", "code", "source_row")
"""What it reads of an implausible one."""


def codes_that_decide(declaration: Declaration) -> list[str]:
    """The codes of the signals that must be there for a score, sorted."""
    eligible = {rule.signal for rule in declaration.eligibility}
    return sorted(
        {
            code
            for name, signal in declaration.signals.items()
            if signal.required or name in eligible
            for code in signal.codes
        }
    )


def rejecting_codes(declaration: Declaration) -> dict[str, str]:
    """By code, the required signal that an implausible value of this code rejects."""
    return {
        code: rule.signal
        for code, rule in plausible_ranges(declaration.signals).items()
        if declaration.signals[rule.signal].required
    }


def rows_that_decide(declaration: Declaration) -> pl.Expr:
    """The rows of the event table that `check_rows` needs: of these codes, and every correction."""
    return pl.col("code").is_in(codes_that_decide(declaration)) | pl.col("replaces").is_not_null()


def check_rows(
    declaration: Declaration, events: pl.DataFrame, aside: pl.DataFrame, asked: pl.DataFrame
) -> pl.DataFrame:
    """The reason not to score each row, as `check_inputs` gives it to what was visible then.

    Args:
        declaration: As served.
        events: Clean; `COLUMNS` of at least `rows_that_decide`, in their stored order; without
            corrections among them, `source_row` is not needed.
        aside: `ASIDE` of the values of `rejecting_codes` that are implausible.
        asked: Columns subject_id and prediction_time, by subject, then time; n rows.

    Returns:
        reason and signal, null where the row may be scored; n rows.
    """
    first = FirstReasons(declaration, asked.height)
    for name, told in _Table(declaration, events, aside, asked).checks():
        for reason, some in told:
            first.note(reason, name, some)
    return first.table()


_Check = tuple[AbstentionReason, Bools]


class _Table:
    """The checks of a declaration in their order, over the rows of one shard."""

    def __init__(
        self,
        declaration: Declaration,
        events: pl.DataFrame,
        aside: pl.DataFrame,
        asked: pl.DataFrame,
    ) -> None:
        self._signals = declaration.signals
        self._required = [name for name, one in declaration.signals.items() if one.required]
        self._rules = list(declaration.eligibility)
        self._moment = stamps(asked["prediction_time"], ALWAYS)
        subjects = asked["subject_id"].unique().sort()
        self._subject: Ints = np.searchsorted(
            subjects.to_numpy(), asked["subject_id"].to_numpy()
        ).astype(np.int64)
        names = list(dict.fromkeys([*self._required, *(one.signal for one in self._rules)]))
        self._place = {name: at for at, name in enumerate(names)}
        gone = _superseding(events)
        codes = {name: list(self._signals[name].codes) for name in names}
        standing = _Placed(_without_aside(events, aside), gone, subjects)
        best = standing.newest(codes, self._subject, self._moment)
        self._best = np.ascontiguousarray(best.T)  # of each signal, its newest event in each row
        self._time, self._value = standing.time, standing.value
        rejecting = rejecting_codes(declaration)
        codes = {name: [code for code, own in rejecting.items() if own == name] for name in names}
        self._rejected: Bools | None = None
        if aside.height:
            implausible = _Placed(aside, gone, subjects)
            self._rejected = implausible.newest(codes, self._subject, self._moment).T >= 0

    def checks(self) -> Iterator[tuple[str, Sequence[_Check]]]:
        """Each signal that is checked, in order, with the reasons in theirs, and whom they hold."""
        for name in self._required:
            yield name, list(self._required_of(name))
        for rule in self._rules:
            yield rule.signal, self._eligible_by(rule)

    def _required_of(self, name: str) -> Iterator[_Check]:
        if self._rejected is not None:
            yield AbstentionReason.OUT_OF_RANGE, self._rejected[self._place[name]]
        found = self._best[self._place[name]] >= 0
        yield AbstentionReason.MISSING, ~found
        limit = self._signals[name].stale_after
        if limit is not None:
            time = self._of_newest(name, self._time, ALWAYS)
            longest, timed = microseconds(parse_duration(limit)), time != ALWAYS
            stale = timed & (self._moment - np.where(timed, time, 0) > longest)
            yield AbstentionReason.STALE, stale

    def _eligible_by(self, rule: Eligibility) -> Sequence[_Check]:
        value = self._of_newest(rule.signal, self._value, np.nan)
        outside = np.zeros(len(value), dtype=np.bool_)
        if rule.at_least is not None:
            outside |= value < rule.at_least
        if rule.at_most is not None:
            outside |= value > rule.at_most
        unknown = np.isnan(value)
        return (AbstentionReason.MISSING, unknown), (AbstentionReason.NOT_ELIGIBLE, outside)

    def _of_newest(self, name: str, column: npt.NDArray[Any], none: float) -> npt.NDArray[Any]:
        """What the newest visible event of a signal has in a column; `none` where there is none."""
        best = self._best[self._place[name]]
        told = np.full(len(best), none, dtype=column.dtype)
        found = np.flatnonzero(best >= 0)
        told[found] = column[best[found]]
        return told


class _Placed:
    """Events as columns, by the place of their subject among those asked about."""

    __slots__ = ("_code", "_names", "_starts", "_superseded", "known_at", "time", "value")

    def __init__(self, events: pl.DataFrame, superseded: pl.DataFrame, subjects: pl.Series) -> None:
        ids = events["subject_id"].to_numpy()
        if (ids[1:] < ids[:-1]).any():
            events = events.sort("subject_id", maintain_order=True)
            ids = events["subject_id"].to_numpy()
        asked = subjects.to_numpy()
        self._starts = np.stack(
            [np.searchsorted(ids, asked), np.searchsorted(ids, asked, side="right")], axis=1
        ).astype(np.int64)
        self.time = stamps(events["time"], ALWAYS)
        self.known_at = stamps(events["known_at"], ALWAYS)
        self.value = (
            events["value"].cast(pl.Float64).to_numpy()
            if "value" in events.columns
            else np.full(events.height, np.nan)
        )
        self._superseded = np.full(events.height if superseded.height else 0, NEVER)
        if superseded.height:
            gone = events.select("subject_id", "source_row").join(
                superseded, on=["subject_id", "source_row"], how="left", maintain_order="left"
            )
            self._superseded = gone["gone_at"].fill_null(NEVER).to_numpy()
        code = events["code"]
        if not isinstance(code.dtype, pl.Categorical):
            code = code.cast(pl.Categorical)
        kinds = code.unique()
        self._names: Mapping[str, int] = dict(
            zip(kinds.cast(pl.String).to_list(), kinds.to_physical().to_list(), strict=True)
        )
        self._code = code.to_physical().to_numpy()

    def newest(self, codes: Mapping[str, Sequence[str]], subject: Ints, moment: Ints) -> Ints:
        """The newest event of each signal that is visible to each row; -1 where there is none.

        Args:
            codes: Of each of s signals.
            subject: Shape (n,), the place among the subjects.
            moment: Shape (n,).

        Returns:
            Shape (n, s).
        """
        size = max(self._names.values(), default=-1) + 1
        owners = np.full((size, len(codes)), -1, dtype=np.int64)  # the signals of each code
        for at, own in enumerate(codes.values()):
            for code in own:
                number = self._names.get(code)
                if number is not None:
                    owners[number, np.flatnonzero(owners[number] < 0)[0]] = at
        deepest = int((owners >= 0).sum(axis=1).max(initial=0))
        owners = np.ascontiguousarray(owners[:, :deepest])
        best = np.full((len(subject), len(codes)), -1, dtype=np.int64)
        if deepest:
            _newest(
                best, subject, moment, self._starts, self._code, owners, self.time,
                self.known_at, self._superseded,
            )  # fmt: skip
        return best


@entry(figures)
def _newest(
    best: Any, subject: Any, moment: Any, starts: Any, code: Any, owners: Any, time: Any,
    known_at: Any, superseded: Any,
) -> None:  # fmt: skip
    """As `_latest` of `inputs` orders: timed before timeless, by time, by when known, by place."""
    corrected = len(superseded) > 0
    for row in range(len(subject)):
        now = moment[row]
        for at in range(starts[subject[row], 0], starts[subject[row], 1]):
            if owners[code[at], 0] < 0 or known_at[at] > now or time[at] > now:
                continue
            if corrected and superseded[at] <= now:
                continue
            one = known_at[at] if time[at] == ALWAYS else time[at]
            for layer in range(owners.shape[1]):
                signal = owners[code[at], layer]
                if signal < 0:
                    break
                found = best[row, signal]
                if found >= 0:
                    other = known_at[found] if time[found] == ALWAYS else time[found]
                    if (time[at] != ALWAYS) != (time[found] != ALWAYS):
                        if time[at] == ALWAYS:
                            continue
                    elif one < other or (one == other and known_at[at] < known_at[found]):
                        continue
                best[row, signal] = at


def _superseding(events: pl.DataFrame) -> pl.DataFrame:
    """When the first correction of each record could be seen: subject_id, source_row, gone_at."""
    if events["replaces"].null_count() == events.height:
        return pl.DataFrame(
            schema={"subject_id": pl.Int64, "source_row": pl.Binary, "gone_at": pl.Int64}
        )
    return (
        events.filter(pl.col("replaces").is_not_null())
        .group_by("subject_id", pl.col("replaces").alias("source_row"))
        .agg(pl.col("known_at").cast(pl.Datetime("us", "UTC")).to_physical().min().alias("gone_at"))
    )


def _without_aside(events: pl.DataFrame, aside: pl.DataFrame) -> pl.DataFrame:
    """Without the corrections whose own value was set aside: at the bedside they are no events."""
    bare = pl.col("replaces").is_not_null() & pl.col("value").is_null()
    if aside.is_empty() or not events.select(bare.any()).item():
        return events
    key = ["subject_id", "known_at", "code", "source_row"]
    gone = aside.select(key).unique()
    marked = events.with_row_index("_row")
    silent = marked.filter(bare).join(
        gone.cast({"code": events.schema["code"]}), on=key, how="semi"
    )
    return marked.join(silent.select("_row"), on="_row", how="anti", maintain_order="left").drop(
        "_row"
    )
