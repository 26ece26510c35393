"""What a declaration must keep when it speaks of uncertainty and of calibration."""

from collections.abc import Iterator

from bedside.core.records.declaration import Declaration
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["uncertainty_mistakes"]

LEAST_COVERAGE = 0.5
LEAST_DOMAIN = 0.9


def uncertainty_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule of it that the declaration breaks."""
    options, kind = declaration.uncertainty, declaration.question.outcome.kind
    if options.coverage is not None:
        path = ("uncertainty", "coverage")
        if not LEAST_COVERAGE < options.coverage < 1:
            yield Mistake(
                path,
                "the coverage is not between 0.5 and 1",
                "give the share of patients whose truth must be inside, such as 0.9",
            )
        if kind == "survival":
            yield Mistake(
                path,
                "a survival outcome has no conformal set, as its truth may never be seen",
                "remove coverage",
            )
    if options.domain is not None and not LEAST_DOMAIN < options.domain < 1:
        yield Mistake(
            ("uncertainty", "domain"),
            "the domain is not between 0.9 and 1",
            "give the share of the training patients who are inside, such as 0.999",
        )
    yield from _calibration(declaration)


def _calibration(declaration: Declaration) -> Iterator[Mistake]:
    method, kind = declaration.learner.calibration, declaration.question.outcome.kind
    if kind != "binary" and method in ("beta", "isotonic", "venn_abers"):
        yield Mistake(
            ("learner", "calibration"),
            f"{method} calibration is for an outcome of yes or no, and this one is {kind}",
            "write calibration: platt, which fits the model's own scale, or none",
        )
