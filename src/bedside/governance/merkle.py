"""The Merkle tree over the ledger's entries: its root, and proofs that anybody can check.

Source: RFC 6962, section 2.1; the checks of proofs follow RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from bedside.core.errors import Invalid

__all__ = [
    "EMPTY",
    "Frontier",
    "consistency_proof",
    "inclusion_proof",
    "is_consistent",
    "is_included",
    "leaf_hash",
    "root_of",
]

EMPTY = sha256().digest()
"""The root of a tree without leaves."""


def leaf_hash(content: bytes) -> bytes:
    """The hash of a leaf with this content; the content of ours is the 32 bytes of an entry's hash.

    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return sha256(b"\0" + content).digest()


class Frontier:
    """A tree that grows, kept as the roots of its complete subtrees: as many as `size` has ones.

    Args:
        size: How many leaves it has.
        peaks: The roots, the largest subtree first.

    Raises:
        Invalid: the roots are not as many as the size needs, or not of 32 bytes.

    >>> tree = Frontier()
    >>> tree.extend([b"a", b"b", b"c"])
    >>> tree.size, tree.root() == root_of([b"a", b"b", b"c"])
    (3, True)
    """

    __slots__ = ("_peaks", "_size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size < 0 or size.bit_count() != len(peaks) or any(len(one) != 32 for one in peaks):
            raise Invalid(
                "These are not the roots of a tree of this size.",
                fix="build the tree from its leaves.",
            )
        self._size, self._peaks = size, list(peaks)

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return self._size

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """The roots of its complete subtrees, the largest first."""
        return tuple(self._peaks)

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaves by their content."""
        size, peaks, digest = self._size, self._peaks, sha256
        push, pop = peaks.append, peaks.pop
        for content in leaves:
            node = digest(b"\0" + content).digest()
            full = size
            while full & 1:
                node = digest(b"\1" + pop() + node).digest()
                full >>= 1
            push(node)
            size += 1
        self._size = size

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        if not self._peaks:
            return EMPTY
        *rest, node = self._peaks
        for peak in reversed(rest):
            node = _inner(peak, node)
        return node


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree of these leaves, given by their content."""
    tree = Frontier()
    tree.extend(leaves)
    return tree.root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """What proves that a leaf is in the tree: the hashes beside its way up, the lowest first.

    Args:
        leaves: The content of each of the n leaves.
        index: Of the leaf, from 0.

    Raises:
        Invalid: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise Invalid("The tree has no such leaf.", fix="give the number of an entry in it.")
    level, path = [leaf_hash(one) for one in leaves], []
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            path.append(level[beside])
        level, index = _above(level), index >> 1
    return path


def consistency_proof(leaves: Sequence[bytes], first: int) -> list[bytes]:
    """What proves that the tree of the first leaves grew into the tree of them all.

    Args:
        leaves: The content of each of the n leaves.
        first: The size of the earlier tree, from 1 to n.

    Raises:
        Invalid: there was no such tree.
    """
    if not 0 < first <= len(leaves):
        raise Invalid("There was no tree of this size.", fix="give a size from 1 to today's.")
    if first == len(leaves):
        return []
    level, node, path = [leaf_hash(one) for one in leaves], first - 1, list[bytes]()
    while node & 1:
        level, node = _above(level), node >> 1
    if node:  # else the earlier tree is a subtree of the later one, and its root is known
        path.append(level[node])
    while len(level) > 1:
        beside = node ^ 1
        if beside < len(level):
            path.append(level[beside])
        level, node = _above(level), node >> 1
    return path


def is_included(content: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that a leaf with this content stands at `index` under `root`.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    node, at, last = leaf_hash(content), index, size - 1
    for beside in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = _inner(beside, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = _inner(node, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def is_consistent(
    first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the proof shows that the tree of `first` leaves grew into that of `second`.

    Source: RFC 9162, section 2.1.4.2.
    """
    if first == second:
        return not proof and first_root == second_root
    if not 0 < first < second or not proof:
        return False
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for beside in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = _inner(beside, old), _inner(beside, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = _inner(new, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _inner(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def _above(level: list[bytes]) -> list[bytes]:
    """The hashes one level up; the last one goes up alone where it has no neighbour."""
    paired = [_inner(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return paired + level[-1:] * (len(level) & 1)
