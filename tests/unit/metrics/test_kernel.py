import importlib.util

import numpy as np

from bedside.metrics.kernel import kernel

LOOP = """
from bedside.metrics.kernel import kernel

@kernel
def total(values):
    told = 0.0
    for at in range(values.size):
        told += values[at]
    return told
"""


def test_what_is_compiled_is_kept_beside_its_source(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    path = tmp_path / "a_loop.py"
    path.write_text(LOOP)
    kept = []
    for _ in range(2):
        spec = importlib.util.spec_from_file_location("a_loop", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.total(np.array([1.0, 2.5])) == 3.5
        kept.append(sum(module.total.stats.cache_hits.values()))

    assert kept == [0, 1]
    assert list(tmp_path.rglob("*.nbi"))


def test_a_function_that_can_be_kept_nowhere_is_compiled_all_the_same():
    made = {}
    exec(LOOP, made)  # noqa: S102 - a function without a file

    assert made["total"](np.array([1.0, 2.5])) == 3.5
    assert kernel(made["total"].py_func)(np.array([2.0])) == 2.0
