"""Arithmetic and plain tests that tell a number that identifies from one that only looks so."""

import re
from collections.abc import Callable, Mapping

from bedside.privacy.text.tokens import word_set

__all__ = ["CHECKS"]

_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_GENERIC = word_set(
    "the a an this that our your his her their he she it hospital clinic emergency"
    " department unit service servicio unidad consulta consultas urgencias planta pacientes"
    " casa domicilio home er ed icu floor ward"
)
_SENTENCE = word_set(
    "the he she it and but no not denies reports has is was who with had i his her on in at of"
    " de del con por para sin que no refiere presenta ha es fue"
)


def luhn(text: str) -> bool:
    """Whether the last digit is right (ISO/IEC 7812-1), over 12 to 19 digits.

    >>> luhn("4111 1111 1111 1111"), luhn("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(sign) for sign in text if sign.isascii() and sign.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return 11 <= len(digits) <= 19 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def iban(text: str) -> bool:
    """Whether the rest by 97 is 1 (ISO 13616).

    >>> iban("GB82 WEST 1234 5698 7654 32")
    True
    """
    plain = re.sub(r"\s", "", text)
    if not 15 <= len(plain) <= 34 or not plain.isascii() or not plain.isalnum():
        return False
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def nhs(text: str) -> bool:
    """Whether the tenth digit is right by 11 (NHS Data Dictionary, NHS NUMBER).

    >>> nhs("943 476 5919"), nhs("943 476 5918")
    (True, False)
    """
    digits = _digits(text)
    if len(digits) != 10 or len(set(digits)) == 1:
        return False
    rest = 11 - sum(digit * (10 - place) for place, digit in enumerate(digits[:9])) % 11
    return digits[9] == (0 if rest == 11 else rest)


def dni(text: str) -> bool:
    """Whether the letter is that of the number by 23 (Real Decreto 1553/2005; NIE alike).

    >>> dni("12345678Z"), dni("X1234567L"), dni("12345678A")
    (True, True, False)
    """
    plain = re.sub(r"[.\s-]", "", text).upper()
    number = plain[:-1].translate(str.maketrans("XYZ", "012"))
    return number.isascii() and number.isdigit() and _DNI[int(number) % 23] == plain[-1]


def nass(text: str) -> bool:
    """Whether the last two of twelve digits are the rest by 97 (Spanish social security)."""
    digits = _digits(text)
    if len(digits) != 12:
        return False
    whole = "".join(map(str, digits))
    number = int(whole[2:10])
    value = number + int(whole[:2]) * (10**7 if number < 10**7 else 10**8)
    return value % 97 == int(whole[10:])


def four_digits(text: str) -> bool:
    """Whether it has four digits or more: a shorter number is rather a count."""
    return len(_digits(text)) >= 4


def some_digit(text: str) -> bool:
    """Whether it has three signs or more, and a digit among them."""
    return len(text) >= 3 and bool(_digits(text))


def letters_and_digits(text: str) -> bool:
    """Whether it has letters and digits, several of each."""
    digits = len(_digits(text))
    return digits >= 4 and len(text) - digits >= 3


def dotted_date(text: str) -> bool:
    """Whether both day and month are written with two digits: else it is a number of a list."""
    day, month, _ = text.split(".")
    return len(day) == len(month) == 2


def not_decimal(text: str) -> bool:
    """Whether the signs between the digits are not those of one decimal number."""
    return text.count(".") != 1


def not_generic(text: str) -> bool:
    """Whether it says more than which sort of place it is."""
    return text.split(maxsplit=1)[0].strip(".,").lower() not in _GENERIC


def not_sentence(text: str) -> bool:
    """Whether the first word is not one that begins a sentence."""
    return text.split(maxsplit=1)[0].lower() not in _SENTENCE


def _digits(text: str) -> list[int]:
    return [int(sign) for sign in text if sign.isascii() and sign.isdigit()]


CHECKS: Mapping[str, Callable[[str], bool]] = {
    check.__name__: check
    for check in (
        luhn, iban, nhs, dni, nass, four_digits, some_digit, letters_and_digits,
        dotted_date, not_decimal, not_generic, not_sentence,
    )
}  # fmt: skip
