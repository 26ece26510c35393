"""Bundles in the forms of the past, so that what once was live can be served again."""

from collections.abc import Mapping

from bedside.core.records.bundle import LEARNT
from bedside.features.definition import FeatureSet
from bedside.models.form import Member, ModelForm, Trees
from bedside.models.form_json import form_to_json

__all__ = ["TREES", "form_to_explain"]

TREES = "trees.txt"
"""Until 2026-11-26: boosted trees for a yes or no, in LightGBM's own text, and nothing beside."""


def form_to_explain(files: Mapping[str, bytes], features: FeatureSet) -> bytes:
    """The form by which a score of this bundle is explained.

    A form that is made of an older bundle says nothing of its calibration: that is in the graph
    alone. A reason is of the margin before it, so it is whole; nothing else may be made of it.

    Args:
        files: Of a bundle, verified.
        features: Of it.
    """
    if LEARNT in files or TREES not in files:
        return files[LEARNT]
    trees = Trees(text=files[TREES].decode())
    width = len(features.features)
    form = ModelForm(outcome="binary", link="logistic", width=width, members=(Member(part=trees),))
    return form_to_json(form)
