"""A document on paper: whole, the same each time, and honest about what it cannot show."""

import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bedside.governance.documents.document import Cited, Document, Item, Line, Section, Template
from bedside.governance.documents.pdf import FONTS, as_pdf, in_latin

MADE = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_document(text="0.912 (0.880 to 0.940)", gaps=2):
    cited = (Cited(file="evidence.json", path=("metrics", "auroc")),)
    told = Item(
        name="1", asks="How good it is", lines=(Line(label="AUROC", text=text, cited=cited),)
    )
    lacking = [
        Item(name=f"g{at}", asks="Who paid", missing="name who paid", who="the sponsor")
        for at in range(gaps)
    ]
    return Document(
        name="chai",
        kind="A card",
        title="A model",
        model="model",
        intro=("What it is.",),
        source="A source.",
        sections=(Section(name="part-1", heading="All", items=(told, *lacking)),),
        template=Template(version="1", source="s", dated="2026", status="none", checked="2026"),
    )


def text_of(content: bytes) -> str:
    """What the pages say in the fonts of every reader, whose text stands plainly in them."""
    streams = re.findall(rb"stream\n(.*?)\nendstream", content, re.DOTALL)
    plain = b"".join(zlib.decompress(one) for one in streams if one[:1] == b"\x78")
    shown = re.findall(rb"\((.*?)(?<!\\)\) Tj", plain, re.DOTALL)
    return b" ".join(shown).decode("latin-1").replace("\\", "")


def test_the_same_record_gives_the_same_bytes_and_carries_its_own_date():
    first = as_pdf(a_document(), made_at=MADE, fonts=None)

    assert first == as_pdf(a_document(), made_at=MADE, fonts=None)
    assert first != as_pdf(a_document("0.913"), made_at=MADE, fonts=None)
    assert b"D:20260301120000" in first


def test_figures_places_and_gaps_with_who_fills_them_stand_on_the_page():
    said = text_of(as_pdf(a_document(), made_at=MADE, fonts=None))

    assert "1 of 3 answered from evidence, 0 in part; 2 gaps" in said
    assert said.index("The sponsor") < said.index("0.912 (0.880 to 0.940)")
    assert "metrics.auroc" in said


@pytest.mark.parametrize("text", ["word " * 4000, "x" * 9000, "a\nb\r\x00c\ud800"])
def test_a_text_longer_than_a_page_or_of_odd_characters_is_laid_out(text):
    assert as_pdf(a_document(text, gaps=90), made_at=MADE, fonts=None).startswith(b"%PDF")


def test_what_the_plain_fonts_cannot_show_is_transliterated_and_said():
    said = text_of(as_pdf(a_document("≥ Łódź, 東京"), made_at=MADE, fonts=None))

    assert ">= ?ódz, ??" in said
    assert "Some characters cannot be shown" in said
    assert "Some characters" not in text_of(as_pdf(a_document(), made_at=MADE, fonts=None))
    assert in_latin("Müller") == "Müller"


def test_with_dejavu_nothing_is_transliterated():
    if not (FONTS / "DejaVuSans.ttf").is_file():
        pytest.skip("fonts-dejavu-core is not installed")

    content = as_pdf(replace(a_document(), title="Łódź ≥ 3"), made_at=MADE)

    assert b"DejaVuSans" in content
    assert content == as_pdf(replace(a_document(), title="Łódź ≥ 3"), made_at=MADE)
