"""A YAML document of a stranger: every part with its line, every mistake with its fix."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from bedside.core.errors import Invalid

__all__ = ["Document", "Part", "named"]

LARGEST = 1 << 18  # bytes; the largest published task is 7 kB
MOST_PARTS = 20_000
MOST_MERGES = 4
_NAME = re.compile(r"\w{1,64}", re.ASCII)
_YES = frozenset({"true", "yes", "on"})
_NO = frozenset({"false", "no", "off"})
Node: TypeAlias = yaml.Node


def named(text: str) -> str:
    """The text in quotes if it is a plain name, else a word for it: it may say anything."""
    return f"'{text}'" if _NAME.fullmatch(text) else "this"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a document: its node, where it stands, and what the document is called."""

    node: Node
    path: tuple[str, ...]
    file: str

    def wrong(self, problem: str, fix: str) -> Invalid:
        """The error of this part; it repeats no more of the document than names."""
        place = ".".join(name if _NAME.fullmatch(name) else "…" for name in self.path)
        line = self.node.start_mark.line + 1
        return Invalid(
            f"{self.file} line {line}, {place or 'the top'}: {problem}.",
            fix=f"{fix}.",
            code="aces",
        )

    @property
    def is_null(self) -> bool:
        """Nothing, in any of the ways in which ACES users write it."""
        node = self.node
        plain = isinstance(node, yaml.ScalarNode) and not node.style
        return plain and node.value in ("", "~", "null", "Null", "NULL", "None")

    @property
    def is_map(self) -> bool:
        """Whether it has keys."""
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.node, yaml.SequenceNode)

    def text(self) -> str:
        """Its text as it stands, whatever YAML would make of it: `on` is a name, 0123 a code."""
        if not isinstance(self.node, yaml.ScalarNode) or self.is_null:
            raise self.wrong("not a text", "write one word or one quoted text here")
        return str(self.node.value)

    def number(self) -> float:
        """Its finite number."""
        try:
            value = float(self.text())
        except ValueError:
            value = float("nan")
        if not abs(value) < float("inf"):
            raise self.wrong("not a number", "write a number such as 90 or 1.5")
        return value

    def flag(self) -> bool:
        """True or false."""
        word = self.text().lower()
        if word not in _YES | _NO:
            raise self.wrong("neither true nor false", "write True or False")
        return word in _YES

    def parts(self) -> list["Part"]:
        """The members of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong("not a list", "write a list such as [a, b]")
        return [
            Part(node, (*self.path, str(index)), self.file)
            for index, node in enumerate(self.node.value)
        ]

    def items(self) -> dict[str, "Part"]:
        """The values of a mapping by key, those that `<<` merges into it included."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong("not a mapping", "write keys with their values here")
        found: dict[str, Part] = {}
        for key, part, merged in self._pairs(0):
            if merged:
                found.setdefault(key, part)
            elif key in found and found[key].node is not part.node:
                raise part.wrong(f"the key {named(key)} stands twice", "remove one of the two")
            else:
                found[key] = part
            if len(found) > MOST_PARTS:
                raise self.wrong("too many keys", "keep data out of a task")
        return found

    def _pairs(self, merges: int) -> Iterator[tuple[str, "Part", bool]]:
        """Own keys first, so that they win over merged ones."""
        later: list[Node] = []
        for key, value in self.node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.wrong("a key is not a word", "write plain words as keys")
            if key.tag == "tag:yaml.org,2002:merge":
                more = value.value if isinstance(value, yaml.SequenceNode) else [value]
                later += more
            else:
                yield key.value, Part(value, (*self.path, key.value), self.file), merges > 0
        if later and (merges >= MOST_MERGES or len(later) > MOST_MERGES):
            raise self.wrong("too many merged keys", "write the keys out")
        for node in later:
            if not isinstance(node, yaml.MappingNode):
                raise self.wrong("'<<' merges what has no keys", "write the keys out")
            yield from Part(node, self.path, self.file)._pairs(merges + 1)


@dataclass(frozen=True, slots=True)
class Document:
    """A whole YAML file."""

    top: Part

    @staticmethod
    def read(content: bytes, file: str) -> "Document":
        """Parse bytes; nothing but plain data is built from them.

        Args:
            content: UTF-8 YAML, at most 256 KiB.
            file: What it is called in messages.

        Raises:
            Invalid: it is too large, not YAML, or not a mapping.
        """
        if len(content) > LARGEST:
            raise Invalid(
                f"{file} is larger than 256 KiB.", fix="keep data out of a task.", code="aces"
            )
        try:
            node = yaml.compose(content.decode("utf-8-sig"), Loader=yaml.CSafeLoader)
        except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            line = f" at line {mark.line + 1}" if mark else ""
            raise Invalid(
                f"{file} is not readable YAML{line}.",
                fix="check indentation and quotes.",
                code="aces",
            ) from None
        if not isinstance(node, yaml.MappingNode):
            raise Invalid(
                f"{file} is empty or not a mapping.",
                fix="start it with predicates:, trigger: and windows:.",
                code="aces",
            )
        return Document(Part(node, (), file))
