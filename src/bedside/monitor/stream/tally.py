"""The tallies of days: made of answers, added up, and kept as bytes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bedside.monitor.stream.answers import Answers
from bedside.monitor.stream.day_tally import GROUP_COUNTS, LATENCY_EDGES_MS, Tally, added, summed
from bedside.monitor.stream.draws import Draws, draws
from bedside.monitor.stream.streams import Baseline
from bedside.monitor.stream.tally_bytes import tally_from_bytes, tally_to_bytes
from bedside.monitor.stream.tally_maker import TallyMaker

__all__ = [
    "GROUP_COUNTS", "LATENCY_EDGES_MS", "Draws", "Tally", "TallyMaker", "added", "draws",
    "summed", "tally_days", "tally_from_bytes", "tally_to_bytes",
]  # fmt: skip

Bools = npt.NDArray[np.bool_]


def tally_days(
    baseline: Baseline,
    answers: Answers,
    days: Sequence[int] | None = None,
    *,
    drawn: Draws | None = None,
    unlike: Bools | None = None,
) -> list[Tally]:
    """One tally for each day, in order.

    Inputs, outputs and how answering went count on the day of the answer; labels on the day on
    which they first came to be known; whether they came in time on the day on which the usual
    delay ended. So a day is whole when `answers` holds every answer of that day, every answer
    whose label came that day, and every one of `usual_delay_days` before.

    Args:
        baseline: What is watched.
        answers: n answers of its version.
        days: Which days, whole days since 1970; None: each with an answer or a new label.
        drawn: Which answers count; None: as `draws` says, for which every earlier answer of each
            of these subjects has to be among `answers`.
        unlike: Shape (n,), whether the patient is unlike the training patients; None: not known.

    Raises:
        Invalid: the answers have other features than the baseline.
    """
    return TallyMaker(baseline).tallies(answers, days, drawn=drawn, unlike=unlike)
