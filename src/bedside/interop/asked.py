"""What a clinical model asks of a wire: the signals it needs, and no more (minimum necessary).

A wire is given the declaration as it is served, where chosen codes and learnt categories stand as
signals (`features.inputs.as_served`).
"""

from bedside.core.records.declaration import Declaration, Signal

__all__ = ["asked_marks", "asked_signals", "category_labels", "find_label", "is_chosen"]


def asked_signals(declaration: Declaration) -> dict[str, Signal]:
    """By name: the signals that a feature, a requirement or an eligibility rule uses."""
    named = {name for rule in declaration.features for name in rule.signals}
    named |= {rule.signal for rule in declaration.eligibility}
    return {
        name: signal
        for name, signal in declaration.signals.items()
        if signal.role != "outcome" and (name in named or signal.required)
    }


def asked_marks(declaration: Declaration) -> dict[str, str]:
    """By code: the label of each event that only says that something happened."""
    return {
        rule.since: rule.label or rule.since
        for rule in declaration.features
        if rule.since is not None
    }


def is_chosen(signal: Signal) -> bool:
    """Whether training chose this code by itself: it then stands for itself, as its own label."""
    return signal.label == signal.code


def category_labels(signal: Signal) -> tuple[str, ...]:
    """The labels of a categorical signal; empty for a number."""
    return tuple(dict.fromkeys(signal.categories.values())) if signal.categories else ()


def find_label(signal: Signal, *candidates: str | None) -> str | None:
    """The label that one of the candidates names: by the label itself or by the source's key.

    Where the categories were learnt, texts are compared as they stand, as they were in training,
    and what is none of them is the last label. None where nothing is said, or nothing known.

    >>> sex = Signal(label="sex", code="SEX//administrative", column="Gender",
    ...              visible_after="0 min", categories={"0": "female", "1": "male"})
    >>> find_label(sex, None, "Female"), find_label(sex, "1"), find_label(sex, "other")
    ('female', 'male', None)
    >>> ward = Signal(label="ward", code="WARD//name", learn_categories=True,
    ...               categories={"ICU": "ICU", "other": "other"})
    >>> find_label(ward, None, "ICU"), find_label(ward, "icu"), find_label(ward, None)
    ('ICU', 'other', None)
    """
    labels = category_labels(signal)
    told = [candidate for candidate in candidates if candidate is not None]
    if signal.learn_categories:
        return next(
            (text for text in told if text in labels), labels[-1] if told and labels else None
        )
    names = {label.casefold(): label for label in labels}
    names |= {key.casefold(): label for key, label in (signal.categories or {}).items()}
    return next((names[text.casefold()] for text in told if text.casefold() in names), None)
