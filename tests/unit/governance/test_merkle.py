"""The tree is that of RFC 6962, and its proofs hold for what is true and for nothing else."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.governance.merkle import (
    EMPTY,
    Frontier,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    root_of,
)

# Published vectors: the leaves and roots of certificate-transparency's own tests (merkletree_test)
LEAVES = [bytes.fromhex(one) for one in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def slow_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 writes it."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + slow_root(leaves[:k]) + slow_root(leaves[k:])).digest()


def some(count: int) -> list[bytes]:
    return [hashlib.sha256(b"%d" % number).digest() for number in range(count)]


def test_the_published_roots_come_out():
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert [root_of(LEAVES[: n + 1]).hex() for n in range(8)] == ROOTS


def test_the_published_proofs_come_out():
    assert [one.hex() for one in inclusion_proof(LEAVES[:3], 2)] == [ROOTS[1]]
    assert [one.hex() for one in consistency_proof(LEAVES, 6)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@given(st.lists(st.binary(max_size=40), max_size=70), st.data())
def test_the_frontier_agrees_with_the_definition_however_it_grows(leaves, data):
    cut = data.draw(st.integers(0, len(leaves)))
    tree = Frontier()
    tree.extend(leaves[:cut])
    tree = Frontier(tree.size, tree.peaks)
    tree.extend(leaves[cut:])

    assert tree.root() == slow_root(leaves)
    assert len(tree.peaks) == len(leaves).bit_count()


def test_every_true_proof_holds():
    for size in range(1, 34):
        leaves = some(size)
        root = slow_root(leaves)
        for index in range(size):
            assert is_included(leaves[index], index, size, inclusion_proof(leaves, index), root)
        for first in range(1, size + 1):
            old = slow_root(leaves[:first])
            assert is_consistent(first, old, size, root, consistency_proof(leaves, first))


@given(st.integers(1, 40), st.data())
def test_no_proof_holds_for_another_leaf_place_size_or_root(size, data):
    leaves = some(size)
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(leaves, index), slow_root(leaves)
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index) if size > 1
                      else st.just(size))  # fmt: skip

    assert not is_included(leaves[index], other, size, proof, root)
    assert not is_included(b"other", index, size, proof, root)
    assert not is_included(leaves[index], index, size, [*proof, root], root)
    assert not is_included(leaves[index], index, size, proof, leaf_hash(b""))
    for place in range(len(proof)):
        broken = [*proof]
        broken[place] = leaf_hash(broken[place])
        assert not is_included(leaves[index], index, size, broken, root)
        assert not is_included(leaves[index], index, size, proof[:place], root)


@given(st.integers(2, 40), st.data())
def test_no_proof_makes_a_fork_consistent(size, data):
    first = data.draw(st.integers(1, size - 1))
    leaves = some(size)
    proof, root = consistency_proof(leaves, first), slow_root(leaves)
    changed = data.draw(st.integers(0, first - 1))
    fork = [*leaves[:changed], b"forged", *leaves[changed + 1 : first]]

    assert not is_consistent(first, slow_root(fork), size, root, proof)
    assert not is_consistent(first, slow_root(leaves[:first]), size, leaf_hash(root), proof)
    assert not is_consistent(first, slow_root(leaves[:first]), size, root, proof[:-1])
    assert not is_consistent(first, slow_root(leaves[:first]), size, root, [*proof, root])


def test_a_tree_is_not_made_of_the_wrong_number_of_peaks():
    with pytest.raises(Invalid):
        Frontier(3, [bytes(32)])
    with pytest.raises(Invalid):
        inclusion_proof(some(3), 3)
    with pytest.raises(Invalid):
        consistency_proof(some(3), 0)
