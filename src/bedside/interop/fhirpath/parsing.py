"""Text to the parts of an expression, by the grammar of FHIRPath N1."""

from decimal import Decimal

from bedside.interop.fhirpath.model import read_type_name
from bedside.interop.fhirpath.moment import Kind, read_moment
from bedside.interop.fhirpath.quantity import CALENDAR, Quantity
from bedside.interop.fhirpath.syntax import (
    Binary,
    Call,
    External,
    Index,
    Literal,
    Member,
    Name,
    Node,
    Nothing,
    Sign,
    TypeTest,
    Variable,
    parts_of,
)
from bedside.interop.fhirpath.tokens import Token, broken, tokens, unescaped

__all__ = ["MAX_DEPTH", "parse"]

MAX_DEPTH = 100
MAX_NESTED = 60
# From the loosest to the tightest. Source: FHIRPath N1, precedence.
_LEVEL = {
    operator: level
    for level, operators in enumerate(
        (
            "implies", "or xor", "and", "in contains", "= ~ != !~", "< > <= >=", "|", "is as",
            "+ - &", "* / div mod",
        )
    )
    for operator in operators.split()
}  # fmt: skip
_TYPE_FUNCTIONS = frozenset({"is", "as", "ofType"})
_UNITS = {name: name for name in CALENDAR} | {name + "s": name for name in CALENDAR}
_WORDS = frozenset({"and", "or", "xor", "implies", "div", "mod", "true", "false"})


def parse(expression: str) -> Node:
    """The parts of an expression.

    Raises:
        Invalid: it is not FHIRPath, names an unknown type, or is nested too deeply.

    >>> parse("name.given")
    Member(left=Name(name='name'), name='given')
    """
    parser = _Parser(tokens(expression))
    node = parser.expression()
    parser.expect("end", "")
    _check_depth(node)
    return node


def _check_depth(root: Node) -> None:
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise broken(0, f"it is nested more than {MAX_DEPTH} levels deep")
        level = [part for node in level for part in parts_of(node)]


class _Parser:
    def __init__(self, words: list[Token]) -> None:
        self.words = words
        self.at = 0
        self.depth = 0

    @property
    def word(self) -> Token:
        return self.words[self.at]

    def next(self) -> Token:
        word = self.words[self.at]
        self.at += 1
        return word

    def accept(self, text: str) -> bool:
        if self.word.text == text and self.word.kind in {"sign", "name"}:
            self.at += 1
            return True
        return False

    def expect(self, kind: str, text: str) -> Token:
        word = self.word
        if word.kind != kind or (text and word.text != text):
            wanted = f"'{text}'" if text else {"end": "the end", "name": "a name"}.get(kind, kind)
            raise broken(word.at, f"{wanted} is expected here")
        self.at += 1
        return word

    def expression(self, loosest: int = 0) -> Node:
        """What binds at least as tightly as the level `loosest`."""
        self.depth += 1
        if self.depth > MAX_NESTED:
            raise broken(self.word.at, f"brackets are nested more than {MAX_NESTED} deep")
        node = self.signed()
        while self.word.kind in {"sign", "name"} and _LEVEL.get(self.word.text, -1) >= loosest:
            operator = self.next().text
            if operator in {"is", "as"}:
                node = TypeTest(operator, node, read_type_name(self.type_name()), operator=True)
            else:
                node = Binary(operator, node, self.expression(_LEVEL[operator] + 1))
        self.depth -= 1
        return node

    def type_name(self) -> str:
        name = self.identifier()
        while self.accept("."):
            name += "." + self.identifier()
        return name

    def signed(self) -> Node:
        signs = []
        while self.word.kind == "sign" and self.word.text in {"+", "-"}:
            signs.append(self.next().text)
        node = self.path()
        for sign in reversed(signs):
            node = Sign(sign, node)
        return node

    def path(self) -> Node:
        node = self.term()
        while True:
            if self.accept("."):
                if self.word.kind == "variable":
                    raise broken(self.word.at, "a variable starts a path")
                node = self.invocation(node)
            elif self.accept("["):
                node = Index(node, self.expression())
                self.expect("sign", "]")
            else:
                return node

    def term(self) -> Node:  # noqa: PLR0911 - one return for each kind of word
        word = self.word
        match word.kind:
            case "string":
                return Literal(unescaped(self.next(), word.text), "System.String")
            case "number":
                return self.number()
            case "moment":
                return self.moment()
            case "variable":
                if word.text not in {"$this", "$index", "$total"}:
                    raise broken(word.at, "there is no such variable")
                return Variable(self.next().text)
            case "external":
                text = self.next().text[1:]
                return External(unescaped(word, text) if text[0] in "'`" else text)
        if self.accept("("):
            node = self.expression()
            self.expect("sign", ")")
            return node
        if self.accept("{"):
            self.expect("sign", "}")
            return Nothing()
        if word.text in {"true", "false"} and word.kind == "name":
            return Literal(self.next().text == "true", "System.Boolean")
        return self.invocation(None)

    def number(self) -> Node:
        word = self.next()
        if len(word.text) > 40:
            raise broken(word.at, "a number has more than 40 digits")
        unit = self.word
        if unit.kind == "string":
            code = unescaped(self.next(), unit.text)
            return Literal(Quantity(Decimal(word.text), code), "System.Quantity", word.text)
        if unit.kind == "name" and unit.text in _UNITS:
            self.next()
            quantity = Quantity(Decimal(word.text), _UNITS[unit.text], calendar=True)
            return Literal(quantity, "System.Quantity", word.text)
        if "." in word.text:
            return Literal(Decimal(word.text), "System.Decimal", word.text)
        return Literal(int(word.text), "System.Integer")

    def moment(self) -> Node:
        word = self.next()
        text = word.text[1:]
        kind: Kind = "Time" if text[0] == "T" else "DateTime" if "T" in text else "Date"
        moment = read_moment(text, kind)
        if moment is None:
            raise broken(word.at, "there is no such date or time")
        return Literal(moment, f"System.{kind}", text)

    def identifier(self) -> str:
        word = self.word
        if word.kind == "quoted":
            return unescaped(self.next(), word.text)
        if word.text in _WORDS:
            raise broken(word.at, "a name is expected here, not an operator")
        return self.expect("name", "").text

    def invocation(self, left: Node | None) -> Node:
        quoted = self.word.kind == "quoted"
        name = self.identifier()
        if quoted or not self.accept("("):
            return Name(name) if left is None else Member(left, name)
        if name in _TYPE_FUNCTIONS:
            node: Node = TypeTest(name, left, read_type_name(self.type_name()))
            self.expect("sign", ")")
            return node
        if name == "getReferenceKey" and self.word.kind in {"name", "quoted"}:
            kind = read_type_name(self.type_name()).name
            self.expect("sign", ")")
            return Call(left, name, (Literal(kind, "System.String"),))
        arguments: list[Node] = []
        if not self.accept(")"):
            arguments.append(self.expression())
            while self.accept(","):
                arguments.append(self.expression())
            self.expect("sign", ")")
        return Call(left, name, tuple(arguments))
