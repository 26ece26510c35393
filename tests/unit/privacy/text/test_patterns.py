import pytest

from bedside.core.errors import Invalid
from bedside.core.records.identifier import IdentifierKind as Kind
from bedside.privacy.text.patterns import patterns_for, read_patterns
from bedside.privacy.text.rules_pass import rules_for
from bedside.privacy.text.union import united

FOUND = [
    ("en", "Seen on March 3rd, 2010.", Kind.DATE, "March 3rd, 2010"),
    ("en", "Since 12 Sep 2009 no pain.", Kind.DATE, "12 Sep 2009"),
    ("en", "DOB: 04/11/1961", Kind.DATE, "04/11/1961"),
    ("en", "A 93-year-old man", Kind.AGE, "93-year-old"),
    ("en", "Call (617) 555-1212 now", Kind.PHONE, "(617) 555-1212"),
    ("en", "Fax: 617 555 1213.", Kind.FAX, "617 555 1213"),
    ("en", "Mail a.b@mail.example.org!", Kind.EMAIL, "a.b@mail.example.org"),
    ("en", "See https://example.org/x?y=1", Kind.URL, "https://example.org/x?y=1"),
    ("en", "From 10.11.12.13", Kind.IP_ADDRESS, "10.11.12.13"),
    ("en", "SSN 123-45-6789", Kind.SOCIAL_SECURITY, "123-45-6789"),
    ("en", "NHS no 943 476 5919", Kind.SOCIAL_SECURITY, "943 476 5919"),
    ("en", "MRN: 00123456", Kind.RECORD_NUMBER, "00123456"),
    ("en", "Member ID: XG 4412-99", Kind.HEALTH_PLAN, "XG 4412-99"),
    ("en", "Card 4111 1111 1111 1111", Kind.ACCOUNT, "4111 1111 1111 1111"),
    ("en", "License plate: 7ABC 123", Kind.VEHICLE, "7ABC 123"),
    ("en", "Serial number: AB-99812", Kind.DEVICE, "AB-99812"),
    ("en", "Springfield, IL 62704-1234", Kind.POSTCODE, "62704-1234"),
    ("en", "at 12 Oak Street, Apt 4", Kind.PLACE, "12 Oak Street, Apt 4"),
    ("en", "Dr. Jane Q. Public was here", Kind.STAFF_NAME, "Jane Q. Public"),
    ("en", "Mrs. van der Berg agrees", Kind.NAME, "van der Berg"),
    ("es", "el 3 de marzo de 2010", Kind.DATE, "3 de marzo de 2010"),
    ("es", "Varón de 93 años", Kind.AGE, "93 años"),
    ("es", "Tfno.: 948 255 400", Kind.PHONE, "948 255 400"),
    ("es", "DNI 12345678Z", Kind.SOCIAL_SECURITY, "12345678Z"),
    ("es", "NIE X-1234567-L", Kind.SOCIAL_SECURITY, "X-1234567-L"),
    ("es", "NHC: 2569870.", Kind.RECORD_NUMBER, "2569870"),
    ("es", "Domicilio: Calle Carmen Romero, 23, 1D.", Kind.PLACE, "Calle Carmen Romero, 23, 1D"),
    ("es", "CP: 28035", Kind.POSTCODE, "28035"),
    ("es", "Dra. Estefanía Romero Selas", Kind.STAFF_NAME, "Estefanía Romero Selas"),
    ("es", "Hospital Universitario La Paz", Kind.ORGANISATION, "Hospital Universitario La Paz"),
]  # fmt: skip
LEFT = [
    ("en", "BP 120/80, aged 89, 2 mg/dL at 0.5"),
    ("en", "Parkinson disease, Foley catheter, Murphy sign, Wilson disease"),
    ("en", "The patient will walk in the hall. Heart rate 72."),
    ("es", "Enfermedad de Crohn, signo de Murphy, sonda Foley"),
    ("es", "Varón de 53 años con 39 ºC y 10x10 cm"),
]


@pytest.mark.parametrize(("language", "text", "kind", "said"), FOUND)
def test_what_is_listed_in_the_rule_is_found_where_it_stands(language, text, kind, said):
    spans = united(rules_for(language).find([text])[0])

    assert (kind, said) in [(span.kind, text[span.start : span.end]) for span in spans]


@pytest.mark.parametrize(("language", "text"), LEFT)
def test_medicine_stays(language, text):
    assert rules_for(language).find([text]) == [[]]


def test_a_language_without_a_file_is_refused():
    with pytest.raises(Invalid, match="no patterns of this language"):
        patterns_for("xx")


@pytest.mark.parametrize(
    "document",
    [
        None, [], {"patterns": 3}, {"patterns": [{"kind": "name"}]},
        {"patterns": [{"kind": "nonsense", "name": "a", "pattern": "a"}]},
        {"patterns": [{"kind": "name", "name": "a", "pattern": "a", "check": "none"}]},
    ],
)  # fmt: skip
def test_a_file_of_patterns_that_is_none_is_refused(document):
    with pytest.raises(Invalid):
        read_patterns(document)
