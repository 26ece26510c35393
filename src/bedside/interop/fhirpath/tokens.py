"""The words of a FHIRPath expression."""

import re
from dataclasses import dataclass

from bedside.core.errors import Invalid

__all__ = ["Token", "broken", "tokens", "unescaped"]

MAX_LENGTH = 20_000
_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n]+ | //[^\r\n]* | /\*.*?\*/)
    | (?P<moment>@(?:T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?
         |\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)?)?))
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<quoted>`(?:[^`\\]|\\.)*`)
    | (?P<external>%(?:[A-Za-z_][A-Za-z0-9_-]*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'))
    | (?P<variable>\$[a-z]+)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign><=|>=|!=|!~|[.,()\[\]{}+\-*/|&<>=~])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"} | {c: c for c in "'\"`\\/"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """One word, and where it starts."""

    kind: str
    text: str
    at: int


def broken(at: int, problem: str) -> Invalid:
    """The error about an expression that cannot be read from character `at` on."""
    return Invalid(
        f"The FHIRPath expression cannot be read at character {at + 1}: {problem}.",
        fix="correct the expression; the grammar is at http://hl7.org/fhirpath/N1.",
        code="fhirpath_syntax",
    )


def tokens(expression: str) -> list[Token]:
    """The words of an expression, and an end.

    Raises:
        Invalid: a character starts no word.

    >>> [token.text for token in tokens("name.given // first")]
    ['name', '.', 'given', '']
    """
    if len(expression) > MAX_LENGTH:
        raise broken(MAX_LENGTH, f"it is longer than {MAX_LENGTH} characters")
    found, at = [], 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None or (expression.startswith("/*", at) and match.lastgroup != "space"):
            raise broken(at, "no word of FHIRPath starts here")
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    found.append(Token("end", "", at))
    return found


def unescaped(token: Token, text: str) -> str:
    r"""What a quoted text stands for.

    >>> unescaped(Token("string", "", 0), r"'it\'s \u00e9'")
    "it's é"
    """

    def one(match: re.Match[str]) -> str:
        code = match.group(1)
        if len(code) == 5:
            return chr(int(code[1:], 16))
        if code not in _ESCAPES:
            raise broken(token.at + match.start(), "there is no such escape")
        return _ESCAPES[code]

    return _ESCAPE.sub(one, text[1:-1])
