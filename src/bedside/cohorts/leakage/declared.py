"""What the declaration itself gives away: the outcome, or a part of it, among the features."""

from collections.abc import Iterable, Sequence

from bedside.cohorts.leakage.edges import reaches_back
from bedside.cohorts.leakage.inputs import Result
from bedside.cohorts.leakage.outcome import Outcome, codes_of, outcome_of
from bedside.core.records.declaration import Declaration
from bedside.core.records.features import FeatureRule
from bedside.core.records.leakage import Checked, Finding, Severity
from bedside.core.records.question import CodePattern, Predicate

__all__ = ["audit_declaration", "declared"]

_FIX = "take it out of 'features', or acknowledge this finding by name with a reason."


def audit_declaration(declaration: Declaration) -> list[Finding]:
    """The leaks that the declaration shows without any data."""
    found = declared(declaration, names=(), codes=(), seen=()).findings
    return [finding for finding in found if finding.severity == "leak"]


def declared(
    declaration: Declaration,
    *,
    names: Sequence[str],
    codes: Sequence[tuple[str, ...]],
    seen: Iterable[str],
) -> Result:
    """Signals, codes and vocabularies among the features that are the outcome itself.

    Args:
        declaration: Its signals, rules and question.
        names: The columns of the matrix.
        codes: For each column, the codes that it reads.
        seen: Every code of the data.
    """
    outcome = outcome_of(declaration.question)
    found: dict[str, Finding] = {}
    for what, read, why, severity in _suspects(declaration, outcome, sorted(set(seen))):
        touched = tuple(n for n, own in zip(names, codes, strict=True) if read & set(own))
        name = f"label_among_features:{what}"
        found.setdefault(
            name,
            Finding(
                name=name,
                kind="label_among_features",
                text=f"'{what}' {why}.",
                fix=_FIX,
                severity=severity,
                features=touched,
                evidence={"features": float(len(touched))},
            ),
        )
    looked = Checked(
        detector="declaration",
        what="rules of features, none of which reads the outcome or what competes with it",
        number=len(declaration.features),
        kinds=("label_among_features",),
    )
    return Result(findings=tuple(found.values()), checked=(looked,))


def _suspects(
    declaration: Declaration, outcome: Outcome, seen: list[str]
) -> Iterable[tuple[str, set[str], str, Severity]]:
    """What is suspect, the codes that it reads, why, and how bad that is."""
    told = {n: s for n, s in declaration.signals.items() if s.role == "outcome"}
    columns = {c for s in told.values() for c in (s.column, s.happens_after_column) if c}
    own = {code for s in told.values() for code in s.codes}
    for rule in declaration.features:
        for name in rule.signals:
            signal = declaration.signals.get(name)
            if signal is None:
                continue
            codes = set(signal.codes)
            if signal.column in columns or codes & own:
                yield name, codes, "is read from the outcome itself, and is among features", "leak"
            else:
                yield from _matched(declaration, outcome, name, signal.codes, "is among features")
        if rule.since is not None:
            if rule.since in own:
                why = "is the outcome itself, and a feature counts the time since it"
                yield rule.since, {rule.since}, why, "leak"
            else:
                why = "is counted from by a feature"
                yield from _matched(declaration, outcome, rule.since, (rule.since,), why)
        yield from _chosen(declaration, outcome, rule, [*seen, *own], own)


def _chosen(
    declaration: Declaration,
    outcome: Outcome,
    rule: FeatureRule,
    seen: Sequence[str],
    own: set[str],
) -> Iterable[tuple[str, set[str], str, Severity]]:
    """Codes of the outcome that a vocabulary may choose."""
    if rule.vocabulary is None:
        return
    prefixes, written = rule.vocabulary.prefixes, _written(outcome.predicates.values())
    for code in sorted({*seen, *written}):
        if not code.startswith(prefixes):
            continue
        if code in own:
            yield code, {code}, "is the outcome itself, and a vocabulary may choose it", "leak"
        else:
            yield from _matched(declaration, outcome, code, (code,), "may be chosen")


def _written(predicates: Iterable[Predicate]) -> set[str]:
    """The codes that stand in predicates word for word."""
    found: set[str] = set()
    for one in predicates:
        if isinstance(one.code, CodePattern):
            found.update(one.code.any)
        elif one.code is not None:
            found.add(one.code)
    return found


def _matched(
    declaration: Declaration, outcome: Outcome, what: str, codes: Sequence[str], how: str
) -> Iterable[tuple[str, set[str], str, Severity]]:
    for name, predicate in outcome.predicates.items():
        met = codes_of(predicate, codes)
        if not met:
            continue
        role = "the outcome" if name in outcome.label else "the competing event"
        if predicate.value_min is None and predicate.value_max is None and not predicate.other_cols:
            yield what, met, f"belongs to {role} '{name}', and {how}", "leak"
        elif reaches_back(declaration.question):
            why = (
                f"{how}, and some of its values are {role} '{name}', which is looked for at or "
                "before the prediction time as well"
            )
            yield what, met, why, "warning"
        return
