"""A FHIRPath expression: compiled once, evaluated over batch after batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.collection import Collection
from bedside.interop.fhirpath.evaluating import FUNCTIONS, evaluate
from bedside.interop.fhirpath.navigate import root
from bedside.interop.fhirpath.parsing import parse
from bedside.interop.fhirpath.scope import Scope, Setup
from bedside.interop.fhirpath.syntax import Call, External, Node, parts_of

__all__ = ["Expression", "compile_expression", "guarded", "scope_of"]


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression, of which every function is known.

    Attributes:
        text: As it was written.
        node: Its parts.
        externals: The names it takes from outside, without the percent sign.
    """

    text: str
    node: Node
    externals: frozenset[str]

    def evaluate(
        self,
        resources: Sequence[Any],
        *,
        constants: Mapping[str, tuple[Any, str]] | None = None,
        now: datetime | None = None,
    ) -> Collection:
        """What the expression gives for each resource.

        Args:
            resources: Decoded JSON. What is no object gives nothing.
            constants: Value and type of what the expression calls `%name`.
            now: What the clock shows, with a zone.

        Returns:
            A collection whose rows are the places of the resources.

        Raises:
            Invalid: the expression cannot work on these resources.

        >>> found = compile_expression("name.given").evaluate(
        ...     [{"resourceType": "Patient", "name": [{"given": ["Ada", "Mary"]}]}]
        ... )
        >>> found.values, found.rows.tolist(), found.types
        (['Ada', 'Mary'], [0, 0], 'string')
        """
        scope = scope_of(resources, constants=constants, now=now)
        return guarded(self.node, scope)


def scope_of(
    resources: Sequence[Any],
    *,
    constants: Mapping[str, tuple[Any, str]] | None = None,
    now: datetime | None = None,
    kind: str | None = None,
) -> Scope:
    """A row for each resource; `kind` is their type where all are known to be objects of it."""
    focus = root(resources, kind)
    names = dict.fromkeys(("%resource", "%rootResource", "%context"), focus)
    return Scope(Setup(evaluate, constants or {}, now), len(resources), focus, names=names)


def guarded(node: Node, scope: Scope) -> Collection:
    """As `evaluate`; what goes too deep or too far for Python is refused too."""
    try:
        return evaluate(node, scope)
    except RecursionError:
        raise Invalid(
            "The expression or a resource is nested too deeply.",
            fix="leave the resource out, or write a simpler expression.",
            code="too_deep",
        ) from None
    except (ArithmeticError, OverflowError):
        raise Invalid(
            "The expression calculates with a number that is out of all bounds.",
            fix="leave out values such as NaN, or choose the plausible ones with where(...).",
        ) from None


def compile_expression(text: str) -> Expression:
    """Parse an expression and check its functions.

    Raises:
        Invalid: it is not FHIRPath, or calls a function that is unknown or with arguments that do
            not fit.

    >>> compile_expression("name.shout()")
    Traceback (most recent call last):
    bedside.core.errors.Invalid: FHIRPath has no function 'shout()' here. \
Fix: correct its name, or choose another function.
    """
    node = parse(text)
    externals, level = set(), [node]
    while level:
        for part in level:
            if isinstance(part, Call):
                _check_call(part)
            elif isinstance(part, External):
                externals.add(part.name)
        level = [below for part in level for below in parts_of(part)]
    return Expression(text, node, frozenset(externals))


def _check_call(call: Call) -> None:
    if call.name not in FUNCTIONS:
        raise Invalid(
            f"FHIRPath has no function '{call.name[:60]}()' here.",
            fix="correct its name, or choose another function.",
            code="fhirpath_function",
        )
    fewest, most, _ = FUNCTIONS[call.name]
    if not fewest <= len(call.arguments) <= most:
        takes = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        raise Invalid(
            f"{call.name}() takes {takes} arguments, and {len(call.arguments)} are given.",
            fix="correct its arguments.",
            code="fhirpath_function",
        )
