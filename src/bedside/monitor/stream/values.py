"""Which value in [0, 1] each cell means to each stream: a stream's sums are sums over cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.monitor.stream.cells import FLAGS, Layout
from bedside.monitor.stream.codes import watched_codes
from bedside.monitor.stream.grids import End, Grid
from bedside.monitor.stream.streams import POOLED, SPOT, Baseline, Stream

__all__ = ["Atoms", "Sums", "atoms_of", "sums_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Atoms:
    """m pairs of a cell and its value, by stream.

    Args:
        source: Shape (m,), places in the counts of a day.
        value: Shape (m,), in [0, 1].
        starts: Shape (s,), where each of the s streams begins.
        stream: Shape (m,), the stream of each pair.
    """

    source: Ints
    value: Floats
    starts: Ints
    stream: Ints


@dataclass(frozen=True, slots=True)
class Sums:
    """Of each of s streams: how many values, their sum, and the sum of their squares."""

    n: Floats
    total: Floats
    squares: Floats


def atoms_of(baseline: Baseline, streams: Sequence[Stream] | None = None) -> Atoms:
    """The pairs of these streams; None: of the baseline's own."""
    chosen = baseline.streams if streams is None else streams
    table = _Table(baseline)
    pairs = [table.pairs(stream) for stream in chosen]
    sizes = np.array([len(source) for source, _ in pairs], dtype=np.int64)
    none = np.zeros(0)
    return Atoms(
        source=np.concatenate([none, *(one for one, _ in pairs)]).astype(np.int64),
        value=np.concatenate([none, *(one for _, one in pairs)]),
        starts=(np.cumsum(sizes) - sizes).astype(np.int64),
        stream=np.repeat(np.arange(len(pairs)), sizes),
    )


def sums_of(atoms: Atoms, counts: Ints) -> Sums:
    """The sums of each stream from the counts of a day, shape (cells,)."""
    if atoms.starts.size == 0:
        return Sums(np.zeros(0), np.zeros(0), np.zeros(0))
    each = counts[atoms.source].astype(np.float64)
    return Sums(
        *(
            np.add.reduceat(one, atoms.starts)
            for one in (each, each * atoms.value, each * atoms.value**2)
        )
    )


class _Table:
    """Finds the pairs of a stream by its family."""

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._layout = Layout.of(baseline)
        self._place = {feature.name: at for at, feature in enumerate(baseline.features)}
        self._group = {group.name: at for at, group in enumerate(baseline.groups)}
        self._code = {one.id: at for at, one in enumerate(watched_codes(baseline))}
        self._fine = _middles(baseline.risk_edges)

    def pairs(self, stream: Stream) -> tuple[Ints, Floats]:
        """Places in the counts, and the value of each."""
        if stream.feature is not None:
            place = self._place[stream.feature]
            source, value = self._of_feature(stream, place)
            further = self._layout.spot(self._baseline, place) if stream.spot else 0
            return source + further, value
        if stream.family == "codes":
            at = self._layout.code(self._code[stream.id])
            return np.array([at, at + 1]), np.array([0.0, 1.0])
        if stream.family == "score":
            source = self._layout.risk + np.arange(self._layout.fine)
            return source, _ranked(self._ranks(self._baseline.risk), stream.id == "score_spread")
        if stream.family in ("alert", "answering", "unlike", "delay"):
            at = self._layout.flag(self._flag(stream.id))
            return np.array([at, at + 1]), np.array([0.0, 1.0])
        return self._of_labels(stream)

    def _of_feature(self, stream: Stream, place: int) -> tuple[Ints, Floats]:
        feature, start = self._baseline.features[place], self._layout.features[place]
        last = self._layout.missing(place)
        if stream.family == "missing":
            source = np.arange(start, last + 1)
            return source, (source == last).astype(np.float64)
        grid = _known(feature.grid)
        source = np.arange(start, last)
        if stream.family == "level":
            level = feature.levels.index(stream.id.split("=", 1)[1])
            return source, (source == start + level).astype(np.float64)
        if stream.family == "beyond":
            value = np.zeros(source.size)
            value[0], value[-1] = float(grid.low), float(grid.high)
            return source, value
        if stream.family == "tail":
            side: End = "low" if stream.id.removeprefix(SPOT).startswith("low:") else "high"
            inside = grid.end(side)
            return source, (np.zeros(source.size) if inside is None else inside.astype(np.float64))
        return source, _ranked(grid.ranks, stream.family == "spread")

    def _of_labels(self, stream: Stream) -> tuple[Ints, Floats]:
        group = None if stream.group is None else self._group[stream.group]
        start, fine = self._layout.labels(group), np.arange(self._layout.fine)
        if stream.id.startswith("residual"):
            grid = _known(self._baseline.risk)
            expected = np.array(self._baseline.calibrated)[grid.place(self._fine)]
            value = np.stack([(1 - expected) / 2, (2 - expected) / 2], axis=1)
            return start + np.arange(2 * fine.size), value.ravel()
        if stream.id == POOLED:
            ranks = [1 - self._ranks(self._baseline.cases), self._ranks(self._baseline.controls)]
            return start + np.arange(2 * fine.size), np.stack(ranks, axis=1).ravel()
        if stream.id.startswith("placement_case"):
            return start + 2 * fine + 1, self._ranks(self._baseline.controls)
        return start + 2 * fine, 1 - self._ranks(self._baseline.cases)

    def _ranks(self, grid: Grid | None) -> Floats:
        """The mid-rank of each fine cell in one of the grids of the risk."""
        known = _known(grid)
        return np.asarray(known.ranks[known.place(self._fine)])

    def _flag(self, stream: str) -> int:
        if stream.startswith("abstention:"):
            return len(FLAGS) + self._baseline.reasons.index(stream.split(":", 1)[1])
        return FLAGS.index(stream)


def _ranked(ranks: Floats, spread: bool) -> Floats:
    return np.abs(2 * ranks - 1) if spread else ranks


def _known(grid: Grid | None) -> Grid:
    if grid is None:
        raise ValueError("a stream is made only where there is a grid")
    return grid


def _middles(edges: Floats) -> Floats:
    """A value inside each of the cells between these edges."""
    if edges.size == 0:
        return np.zeros(1)
    return np.concatenate([[edges[0] - 1], edges[:-1] / 2 + edges[1:] / 2, [edges[-1]]])
