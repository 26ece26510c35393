"""A process that answers keeps what is loaded out of its collections, and collects rarely."""

import gc

from bedside.core.garbage import look_rarely


def test_what_is_loaded_is_frozen_and_a_batch_of_answers_starts_no_collection():
    before, collected = gc.get_threshold(), []
    gc.callbacks.append(lambda phase, _: collected.append(phase))
    try:
        look_rarely()
        collected.clear()
        many = [[number] for number in range(5_000)]

        assert gc.get_freeze_count() > 10_000
        assert (len(many), collected) == (5_000, [])
        assert gc.isenabled()
    finally:
        gc.callbacks.pop()
        gc.unfreeze()
        gc.set_threshold(*before)
