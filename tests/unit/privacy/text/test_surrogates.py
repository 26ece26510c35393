from datetime import date
from random import Random

import pytest

from bedside.core.errors import Invalid
from bedside.core.records.identifier import IdentifierKind as Kind
from bedside.core.records.identifier import IdentifierSpan
from bedside.core.records.release_mode import ReleaseMode
from bedside.privacy.memory_vault import MemoryVault
from bedside.privacy.text.dates import read_date
from bedside.privacy.text.draws import origins
from bedside.privacy.text.surrogates import Surrogates

EXPERT, HARBOUR = ReleaseMode.EXPERT, ReleaseMode.SAFE_HARBOR


def spans_in(text: str, *said: tuple[str, Kind]) -> list[IdentifierSpan]:
    out, at = [], 0
    for words, kind in said:
        start = text.index(words, at)
        at = start + len(words)
        out.append(IdentifierSpan(start=start, end=at, kind=kind, found_by="known"))
    return out


def replaced(text, *said, mode=EXPERT, language="en", subject=7, vault=None):
    writer = Surrogates(vault or MemoryVault(Random(4)), mode, language)
    return writer.replace(text, spans_in(text, *said), subject).text


def test_a_name_stays_one_name_in_full_in_part_in_capitals_and_by_initials():
    text = "Lucía Herrera; Ms Herrera; HERRERA; L.H."
    name = Kind.NAME

    said = replaced(text, ("Lucía Herrera", name), ("Herrera", name), ("HERRERA", name),
                    ("L.H.", name))  # fmt: skip

    full, family, capitals, initials = said.split("; ")
    given, other = full.split(" ")
    assert given in origins()["es"]["female"]
    assert other in origins()["es"]["family"]
    assert family == f"Ms {other}"
    assert capitals == other.upper()
    assert initials == f"{given[0]}.{other[0]}."


def test_two_notes_of_a_patient_tell_of_the_same_invented_person():
    vault = MemoryVault(Random(4))

    first = replaced("Arjun Patel", ("Arjun Patel", Kind.NAME), vault=vault)
    second = replaced("arjun patel", ("arjun patel", Kind.NAME), vault=vault)

    assert second == first.lower()


@pytest.mark.parametrize(
    ("said", "moved"),
    [
        ("March 3rd, 2010", "March 17th, 2010"), ("3 March 2010", "17 March 2010"),
        ("2010-03-03", "2010-03-17"), ("03/03/10", "03/17/10"), ("Mar 3, 2010", "Mar 17, 2010"),
        ("Wednesday, March 3", "Wednesday, March 17"), ("20100303", "20100317"),
        ("25-dic-09", "08-ene-10"), ("1 de enero de 2010", "15 de enero de 2010"),
    ],
)  # fmt: skip
def test_a_date_moves_in_its_own_spelling(said, moved):
    written = read_date(said, day_first=False)

    assert written is not None
    assert written.moved(14, 2010) == moved


def test_a_date_in_safe_harbour_is_a_year_and_an_age_over_89_is_90_or_more():
    text = "Born 04/11/1921, now 93 years old."

    said = replaced(text, ("04/11/1921", Kind.DATE), ("93 years", Kind.AGE), mode=HARBOUR)

    assert said == "Born 1921, now 90+ years old."


def test_dates_of_rows_and_notes_of_a_patient_move_alike():
    vault = MemoryVault(Random(4))

    said = replaced("1990-05-01", ("1990-05-01", Kind.DATE), vault=vault)

    assert (date.fromisoformat(said) - date(1990, 5, 1)).days == vault.offset(7)


def test_numbers_keep_their_shape_and_the_words_of_a_hospital_their_sort():
    text = "Tel (617) 555-1212, Hospital Clínico San Telmo"

    said = replaced(text, ("(617) 555-1212", Kind.PHONE),
                    ("Hospital Clínico San Telmo", Kind.ORGANISATION))  # fmt: skip

    number, hospital = said.removeprefix("Tel ").split(", ")
    assert [sign if not sign.isdigit() else "9" for sign in number] == list("(999) 999-9999")
    assert number != "(617) 555-1212"
    assert hospital.startswith("Hospital Clínico ")
    assert "Telmo" not in hospital


def test_many_short_numbers_of_a_patient_never_run_out():
    vault = MemoryVault(Random(4))
    for number in range(60):
        said = f"Calle Mayor {number}"
        assert replaced(said, (said, Kind.PLACE), language="es", vault=vault) != said


def test_spans_over_each_other_are_refused():
    span = IdentifierSpan(start=0, end=3, kind=Kind.NAME, found_by="known")

    with pytest.raises(Invalid, match="overlap"):
        Surrogates(MemoryVault(), EXPERT, "en").replace("Ana Ruiz", [span, span], 1)
