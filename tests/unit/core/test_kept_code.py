"""Kernels are compiled on a disk that is full or refuses, and never with an older source's code."""

import importlib.util
import resource
from contextlib import contextmanager

import numpy as np
import pytest

KERNELS = {
    "metrics": ("from bedside.metrics.kernel import kernel", "@kernel"),
    "models": ("from bedside.models.compiling import entry", "@entry"),
    "features": ("from bedside.features.compiled import entry", "@entry()"),
}
LOOP = """
{named}

{declared}
def total(values):
    told = {start}
    for at in range(values.size):
        told += values[at]
    return told
"""
VALUES = np.array([1.0, 2.5])


@contextmanager
def a_full_disk(most):
    """Refuse any file of more bytes, as a full disk refuses them all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(params=KERNELS)
def source(request, tmp_path, monkeypatch):
    """Writes a kernel that starts from a number, and gives what a new process would import."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    named, declared = KERNELS[request.param]
    path = tmp_path / "a_loop.py"

    def imported():
        spec = importlib.util.spec_from_file_location("a_loop", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.total

    def written(start):
        path.write_text(LOOP.format(named=named, declared=declared, start=start))
        return imported

    return written


@pytest.mark.parametrize("most", [0, 2000])  # bytes: no index of what is kept, or the index alone
def test_a_kernel_runs_where_the_disk_is_full(source, tmp_path, most):
    imported = source(0.0)
    with a_full_disk(most):
        assert imported()(VALUES) == 3.5

    assert not list(tmp_path.rglob("*.nbc"))
    again = imported()
    assert again(VALUES) == 3.5
    assert sum(again.stats.cache_hits.values()) == 0


def test_what_an_older_source_left_is_never_taken_for_what_the_disk_refused(source):
    assert source(0.0)()(VALUES) == 3.5
    imported = source(10.0)
    with a_full_disk(2000):
        assert imported()(VALUES) == 13.5

    assert imported()(VALUES) == 13.5


def test_a_kept_file_that_was_cut_off_is_made_anew(source, tmp_path):
    imported = source(0.0)
    assert imported()(VALUES) == 3.5
    for index in tmp_path.rglob("*.nbi"):
        index.write_bytes(b"")

    assert imported()(VALUES) == 3.5
    last = imported()
    assert last(VALUES) == 3.5
    assert sum(last.stats.cache_hits.values()) == 1
