from datetime import date
from itertools import islice

import pytest
from deid_charts import BEYOND, carriers, charts, measure

from bedside.core.errors import Invalid
from bedside.privacy.text.known import KnownIdentifiers, find_known
from data_folder import data_folder

PATIENT = KnownIdentifiers(
    names=("María del Carmen Núñez-López",),
    phones=("+34 948 255 400",),
    record_numbers=("0012345678",),
    dates=(date(1951, 3, 4),),
    addresses=("Calle Mayor 12, 3º B",),
    emails=("m.nunez@example.org",),
)


@pytest.mark.parametrize(
    "said",
    [
        "María Núñez", "Nuñez Lopez, Maria", "NÚÑEZ", "M. Núñez", "M.N.", "Nunes", "Lópes",
        "Núñez-López", "Núñez López", "948255400", "948-255-400", "0012345678", "00 1234 5678",
        "04/03/1951", "4 de marzo de 1951", "March 4, 1951", "4-mar-51", "M.Nunez@Example.org",
    ],
)  # fmt: skip
def test_what_the_record_knows_is_found_however_it_is_written(said):
    text = f"Hoy {said} acude."

    spans = find_known(text, PATIENT)

    assert any(text[span.start : span.end] == said for span in spans), [
        text[span.start : span.end] for span in spans
    ]


def test_words_that_only_resemble_the_record_stay():
    text = "El paciente marca 12 en la escala; 948 leucocitos; 1951 células el 5 de marzo. Carne."

    assert find_known(text, PATIENT) == []


def test_a_name_that_is_a_word_too_counts_only_with_its_capital():
    known = KnownIdentifiers(names=("Will Young",))

    assert find_known("She will come with a young man.", known) == []
    assert len(find_known("I spoke with Will; Mr. Young agrees.", known)) == 2


def test_known_names_of_every_origin_are_found_in_real_notes():
    notes = carriers(data_folder("notes-aci-bench"))[:6]

    planted, _, words, wrong = measure(islice(charts(notes, seed=3), 48))

    missed = {
        form: count - planted["found"][form]
        for form, count in planted["planted"].items()
        if form not in BEYOND and count > planted["found"][form]
    }
    assert sum(planted["planted"].values()) > 900
    assert missed == {}
    assert wrong < words / 1000


def test_an_entry_that_is_a_whole_text_is_refused_and_not_repeated():
    with pytest.raises(Invalid) as caught:
        KnownIdentifiers(names=("Zebedee " * 80,))

    assert "Zebedee" not in str(caught.value)
