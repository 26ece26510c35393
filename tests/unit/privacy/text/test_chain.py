import itertools

import numpy as np

from bedside.privacy.text.chain import best_labels, chances


def test_path_and_chances_are_those_of_trying_every_path():
    random = np.random.default_rng(5)
    lengths = [1, 4, 2, 4, 3]
    states = random.normal(size=(sum(lengths), 3)).astype(np.float32)
    moves = random.normal(size=(3, 3)).astype(np.float32)

    best, chance = best_labels(states, lengths, moves), chances(states, lengths, moves)

    start = 0
    for length in lengths:
        own = states[start : start + length]
        paths = list(itertools.product(range(3), repeat=length))
        weights = np.array(
            [
                sum(own[at, label] for at, label in enumerate(path))
                + sum(moves[a, b] for a, b in itertools.pairwise(path))
                for path in paths
            ]
        )
        shares = np.exp(weights) / np.exp(weights).sum()
        expected = np.zeros((length, 3))
        for path, share in zip(paths, shares, strict=True):
            expected[range(length), path] += share
        assert tuple(best[start : start + length]) == paths[int(weights.argmax())]
        np.testing.assert_allclose(chance[start : start + length], expected, atol=1e-5)
        start += length
