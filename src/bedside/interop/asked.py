"""What a clinical model asks of a wire: the signals it needs, and no more (minimum necessary)."""

from bedside.core.records.declaration import Declaration, Signal

__all__ = ["asked_marks", "asked_signals", "category_labels", "find_label"]


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
    """By code: the label of each event that a feature counts the hours since."""
    return {
        rule.since: rule.label or rule.since
        for rule in declaration.features
        if rule.since is not None
    }


def category_labels(signal: Signal) -> tuple[str, ...]:
    """The labels of a categorical signal; empty for a number."""
    return tuple(dict.fromkeys(signal.categories.values())) if signal.categories else ()


def find_label(signal: Signal, *candidates: str | None) -> str | None:
    """The label that one of the candidates names: by the label itself or by the source's key.

    >>> sex = Signal(label="sex", code="SEX//administrative", column="Gender",
    ...              visible_after="0 min", categories={"0": "female", "1": "male"})
    >>> find_label(sex, None, "Female"), find_label(sex, "1"), find_label(sex, "other")
    ('female', 'male', None)
    """
    names = {label.casefold(): label for label in category_labels(signal)}
    names |= {key.casefold(): label for key, label in (signal.categories or {}).items()}
    for candidate in candidates:
        if candidate is not None and candidate.casefold() in names:
            return names[candidate.casefold()]
    return None
