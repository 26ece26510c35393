"""LightGBM's text form from strangers, taken apart and written anew before LightGBM sees it."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bedside.core.errors import Invalid, Refused

__all__ = ["LARGEST", "Boosted", "read_boosted"]

LARGEST = 1 << 28  # bytes
MOST_FEATURES = 100_000
OBJECTIVES = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}
OF_NODES = {
    "split_feature": "whole", "split_gain": "real", "threshold": "real", "decision_type": "whole",
    "left_child": "whole", "right_child": "whole", "internal_value": "real",
    "internal_weight": "real", "internal_count": "whole",
}  # fmt: skip
OF_LEAVES = {"leaf_value": "real", "leaf_weight": "real", "leaf_count": "whole"}
WHOLE = re.compile(r"-?[0-9]{1,10}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosted:
    """Trees of LightGBM.

    Args:
        text: Written anew, with features f0, f1, ….
        kind: `binary`, `multiclass` or `regression`.
        outputs: Tree i adds to output i modulo them.
        names: Of the columns, as the file has them.
    """

    text: str
    kind: str
    outputs: int
    names: tuple[str, ...]


def read_boosted(content: bytes) -> Boosted:
    """Read a booster's text.

    Every number is read and written again, so that LightGBM's own reader never sees a byte of a
    stranger. How the nodes hang together is checked by whoever runs the trees.

    Raises:
        Invalid: it is no such text (code `boosted`).
        Refused: it is a model that is not taken in: categorical splits, linear leaves, averaged
            trees, another objective or another sigmoid (code `boosted_unknown`).
    """
    if len(content) > LARGEST:
        raise _wrong("it is larger than 256 MiB")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise _wrong("it is no UTF-8") from None
    head, *blocks = text.replace("\r\n", "\n").partition("\nend of trees")[0].split("\nTree=")
    told = _lines(head)
    if not head.startswith("tree\n") or told.get("version") not in ("v3", "v4") or not blocks:
        raise _wrong("it does not begin as LightGBM's text does")
    if "average_output" in head.split("\n"):
        raise _unknown("its trees are averaged (a random forest)")
    names = tuple(told.get("feature_names", "").split(" "))
    outputs = _count(told.get("num_tree_per_iteration", ""))
    width = _count(told.get("max_feature_idx", "")) + 1
    if len(names) != width or not 1 <= width <= MOST_FEATURES or not 1 <= outputs <= len(blocks):
        raise _wrong("its head does not fit together")
    kind = _kind(told.get("objective", ""), outputs)
    trees = [_tree(_lines(block), number) for number, block in enumerate(blocks)]
    lines = [
        "tree",
        "version=v4",
        f"num_class={outputs}",
        f"num_tree_per_iteration={outputs}",
        "label_index=0",
        f"max_feature_idx={width - 1}",
        f"objective={_objective(kind, outputs)}",
        f"feature_names={' '.join(f'f{at}' for at in range(width))}",
        f"feature_infos={' '.join(['[-1e+300:1e+300]'] * width)}",
        "",
    ]
    made = "\n".join([*lines, *trees, "end of trees", ""])
    return Boosted(text=made, kind=kind, outputs=outputs, names=names)


def _kind(objective: str, outputs: int) -> str:
    name, *options = objective.split(" ")
    if name not in OBJECTIVES:
        raise _unknown("its objective is none of binary, multiclass and regression")
    wanted = {"binary": {"sigmoid:1"}, "multiclass": {f"num_class:{outputs}"}}.get(name, set())
    if set(options) - {""} != wanted or (name != "multiclass" and outputs != 1):
        raise _unknown("its objective has options that change what its margins mean")
    return OBJECTIVES[name]


def _objective(kind: str, outputs: int) -> str:
    return {"binary": "binary sigmoid:1", "multiclass": f"multiclass num_class:{outputs}"}.get(
        kind, kind
    )


def _tree(told: dict[str, str], number: int) -> str:
    """One tree, written anew."""
    leaves = _count(told.get("num_leaves", ""))
    if told.get("num_cat", "0") != "0":
        raise _unknown("it has categorical splits")
    if told.get("is_linear", "0") != "0":
        raise _unknown("it has linear leaves")
    if leaves < 1:
        raise _wrong("a tree has no leaf")
    lines = [f"Tree={number}", f"num_leaves={leaves}", "num_cat=0"]
    for columns, size in ((OF_NODES, leaves - 1), (OF_LEAVES, leaves)):
        for name, sort in columns.items():
            lines.append(f"{name}={' '.join(_numbers(told, name, sort, size))}")
    return "\n".join([*lines, "is_linear=0", "shrinkage=1", "", ""])


def _numbers(told: dict[str, str], name: str, sort: str, size: int) -> Sequence[str]:
    """The numbers of one line; weights that a single leaf lacks are 0."""
    parts = told.get(name, "").split()
    if size <= 1 and not parts and name not in ("leaf_value",):
        return ["0"] * size
    if len(parts) != size:
        raise _wrong("a line of a tree has not one number for each node or leaf")
    if sort == "whole":
        if not all(WHOLE.fullmatch(one) for one in parts):
            raise _wrong("a whole number in a tree is none")
        return [str(int(one)) for one in parts]
    try:
        numbers = [float(one) for one in parts]
    except ValueError:
        raise _wrong("a number in a tree is none") from None
    if not all(map(math.isfinite, numbers)):
        raise _wrong("a number in a tree is not finite")
    return [repr(one) for one in numbers]


def _lines(text: str) -> dict[str, str]:
    """`name=value` lines."""
    found = (line.partition("=") for line in text.split("\n"))
    return {name: value for name, sign, value in found if sign}


def _count(text: str) -> int:
    if not WHOLE.fullmatch(text):
        raise _wrong("a count is none")
    return int(text)


def _wrong(what: str) -> Invalid:
    return Invalid(
        f"The file is no model in LightGBM's text form: {what}.",
        fix="give the file that Booster.save_model wrote, as it is.",
        code="boosted",
    )


def _unknown(what: str) -> Refused:
    return Refused(
        f"This LightGBM model is not taken in: {what}.",
        fix="learn it with numeric splits and the objective binary, multiclass or regression.",
        code="boosted_unknown",
    )
