"""Known numbers and addresses found in a note, whatever stands between their parts."""

import re
from collections.abc import Iterator, Sequence

from bedside.privacy.text.tokens import folded, tokens_of, word_set

__all__ = ["AddressFinder", "numbers_at"]

_DIGITS = re.compile(r"\d(?:[ .\-/()]{0,3}\d)*", re.ASCII)
_SIGNS = re.compile(
    r"(?<![A-Za-z0-9])(?=[A-Za-z]*[ \-]?\d)[A-Za-z0-9](?:[.\-/ ]?[A-Za-z0-9]){3,40}"
)
_STREET = word_set(
    "street st avenue ave road rd lane ln drive dr court ct place pl square boulevard blvd apt"
    " apartment suite flat floor calle c avenida avda av plaza paseo carretera camino piso puerta"
    " de del la las los el y izquierda derecha izq dcha bajo north south east west n s e w no"
)


def numbers_at(text: str, numbers: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where a number stands, with any of ` .-/()` between its digits, or one digit wrong.

    Args:
        text: The note.
        numbers: As the record has them; of four digits or letters at least. One digit may be wrong
            where there are seven or more. A country's code before it may be there or not.
    """
    wanted = {_plain(number) for number in numbers}
    wanted = {number for number in wanted if len(number) >= 4}
    if not wanted:
        return
    wanted |= {number[2:] for number in wanted if number.startswith("00") and len(number) > 9}
    yield from _placed(text, _DIGITS, [number for number in wanted if number.isdigit()])
    yield from _placed(text, _SIGNS, [number for number in wanted if not number.isdigit()])


def _placed(text: str, run: re.Pattern[str], wanted: Sequence[str]) -> Iterator[tuple[int, int]]:
    for found in run.finditer(text) if wanted else ():
        places = [at for at in range(*found.span()) if text[at].isalnum()]
        said = "".join(text[at].lower() for at in places)
        for number in wanted:
            at = said.find(number)
            if at >= 0:
                yield places[at], places[at + len(number) - 1] + 1
            elif _ends_alike(said, number) or _one_wrong(said, number):
                yield places[0], places[-1] + 1


def _ends_alike(said: str, number: str) -> bool:
    """Whether what is written is the number without its country's code."""
    return len(said) >= 7 and number.endswith(said)


def _one_wrong(said: str, number: str) -> bool:
    if len(said) != len(number) or len(number) < 7:
        return False
    wrong = [(a, b) for a, b in zip(said, number, strict=True) if a != b]
    return len(wrong) == 1 or (
        len(wrong) == 2 and wrong[0] == wrong[1][::-1]
    )  # two digits changed places


def _plain(number: str) -> str:
    return "".join(sign.lower() for sign in number if sign.isascii() and sign.isalnum())


class AddressFinder:
    """Looks for runs of the words and numbers of one address.

    Args:
        address: As the record has it.
    """

    def __init__(self, address: str) -> None:
        parts = [folded(token.text) for token in tokens_of(address) if token.text.isalnum()]
        self._parts = frozenset(parts)
        self._own = frozenset(
            part for part in parts if part not in _STREET and part.isalpha() and len(part) > 2
        )

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Where two parts or more follow each other, one that is its own among them."""
        run: list[tuple[int, int, str]] = []
        for token in tokens_of(text):
            if not token.text.isalnum():
                if token.text not in ",.-/#ºª'’":
                    yield from self._ended(run)
                    run = []
                continue
            plain = folded(token.text)
            if plain in self._parts or (run and plain in _STREET and len(plain) > 1):
                run.append((token.start, token.end, plain))
            else:
                yield from self._ended(run)
                run = []
        yield from self._ended(run)

    def _ended(self, run: Sequence[tuple[int, int, str]]) -> Iterator[tuple[int, int]]:
        own = [part for _, _, part in run if part in self._own]
        if own and len(run) > 1:
            yield run[0][0], run[-1][1]
