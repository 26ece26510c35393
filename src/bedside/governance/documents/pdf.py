"""A document as PDF: the same items, statements and places on A4; the same bytes each time.

It is laid out from the document itself. It is set in DejaVu Sans where that is installed (Debian:
`fonts-dejavu-core`); else in Helvetica, and characters outside Latin-1 are written in Latin letters
or as `?`, and the first page says so.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.core.errors import Unavailable
from bedside.core.records.statement import Statement
from bedside.governance.documents.document import Document, Item, Section
from bedside.governance.documents.rendering import asked, places_text, summary
from bedside.governance.documents.templated import filled_by

if TYPE_CHECKING:
    from fpdf import FPDF

__all__ = ["FONTS", "as_pdf", "in_latin"]

FONTS = Path("/usr/share/fonts/truetype/dejavu")
"""Where Debian's `fonts-dejavu-core` puts DejaVu Sans, which may be embedded in documents."""

_SIZE, _SMALL = 9.0, 7.5
_COLUMNS = (40, 96, 44)
_TO_A_PAGE = 20  # characters of a cell that fit on a page, for each mm of its width
_PLAIN = {
    "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "≤": "<=", "≥": ">=",
    "☐": "[ ]", "✓": "+", "◐": "o", "○": "o", "●": "*", "→": "->", "−": "-", "\u00a0": " ",
}  # fmt: skip


def as_pdf(
    document: Document, *, made_at: datetime, about: str = "", fonts: Path | None = FONTS
) -> bytes:
    """The document on pages of A4.

    Args:
        document: Which.
        made_at: The date that the file carries: that of the record, not of today's clock.
        about: Which version it is of, where that is known.
        fonts: A folder with `DejaVuSans.ttf` and `DejaVuSans-Bold.ttf`; None: none is looked for.

    Raises:
        Unavailable: fpdf2 is not installed (code `no_pdf`).
    """
    try:
        from fpdf import FPDF  # noqa: PLC0415 - an extra
    except ImportError:
        raise Unavailable(
            "PDF files are not written: fpdf2 is not installed.",
            fix="install it with: pip install bedside[documents].",
            code="no_pdf",
        ) from None
    paper = _Paper(FPDF(format="A4"), document, about=about, fonts=fonts)
    paper.pdf.set_creation_date(made_at)
    paper.write(document)
    return bytes(paper.pdf.output())


def in_latin(text: str) -> str:
    """The text in characters of Latin-1: accents are kept, what has no like becomes `?`.

    >>> in_latin("Müller ≥ 3 µg – Łódź")
    'Müller >= 3 µg - ?ódz'
    """
    plain = "".join(_PLAIN.get(one, one) for one in text)
    return "".join(_latin(one) for one in plain)


def _latin(one: str) -> str:
    if one.encode("latin-1", "ignore"):
        return one
    return unicodedata.normalize("NFKD", one).encode("latin-1", "ignore").decode("latin-1") or "?"


class _Paper:
    """Puts the parts of one document on pages."""

    def __init__(self, pdf: "FPDF", document: Document, *, about: str, fonts: Path | None) -> None:
        self.pdf, self._about = pdf, about
        self._whole = fonts is not None and (fonts / "DejaVuSans.ttf").is_file()
        self._lossy = False
        pdf.set_margins(15, 15, 15)
        pdf.set_auto_page_break(auto=True, margin=18)
        if self._whole and fonts is not None:
            pdf.add_font("text", "", fonts / "DejaVuSans.ttf")
            pdf.add_font("text", "B", fonts / "DejaVuSans-Bold.ttf")
        self._family = "text" if self._whole else "helvetica"
        pdf.set_title(self._words(f"{document.kind}: {document.title}"))
        pdf.set_lang("en")
        pdf.set_producer("Bedside")
        pdf.footer = self._footer  # type: ignore[method-assign]

    def write(self, document: Document) -> None:
        """Everything, in the order of the page."""
        self._lossy = not self._whole and any(in_latin(text) != text for text in _texts(document))
        self.pdf.add_page()
        self._text(f"Bedside · {document.kind} · {document.model}", size=_SMALL)
        self._text(document.title, size=15, bold=True)
        for text in (*document.intro, document.source):
            self._text(text)
        self._text(summary(document), bold=True)
        note = "This document does not make a model compliant with anything: it shows the evidence "
        self._text(note + "and names the gaps.", size=_SMALL)
        if self._lossy:
            self._text(
                "Some characters cannot be shown in this file: they are written in Latin letters, "
                "or as a question mark. The HTML page has them.", bold=True,
            )  # fmt: skip
        if document.template is not None and document.gaps:
            self._gaps(document)
        for section in document.sections:
            self._section(section, document)

    def _gaps(self, document: Document) -> None:
        self._heading("Gaps, by who must fill them")
        rows = [
            (
                f"{who[:1].upper()}{who[1:]}" if at == 0 else "",
                f"{item.name}: {item.missing}" + (" (told in part)" if item.lines else ""),
            )
            for who, items in filled_by(document).items()
            for at, item in enumerate(items)
        ]
        self._table(("Who", "What"), rows, (45, 135))

    def _section(self, section: Section, document: Document) -> None:
        self._heading(section.heading)
        if section.note:
            self._text(section.note)
        for item in section.items:
            self._item(item, numbered=document.template is not None or item.name[:1].isdigit(),
                       shown=item.asks != section.heading)  # fmt: skip
        for text in section.judged:
            self._text(f"{text}  ☐ low  ☐ high  ☐ unclear  because: ______________________")

    def _item(self, item: Item, *, numbered: bool, shown: bool) -> None:
        self._keep_together(25)
        if shown:
            name = f"{item.name.rpartition('/')[2]}. " if numbered else ""
            state = f"  [{'told' if item.state == 'answered' else item.state}]" if numbered else ""
            self.pdf.ln(1)
            self._text(f"{name}{item.asks}{state}", bold=True)
        if item.lines:
            rows = [(line.label, line.text, places_text(line)) for line in item.lines]
            self._table(("What", "What is known", "Where it stands"), rows, _COLUMNS)
        if item.prompt:
            self._text(item.prompt)
        if item.missing and not item.is_stated:
            self._text(f"> {asked(item)}")
        if item.said is not None:
            was = f"Asked: {item.missing}. " if item.is_stated else ""
            self._text(f"{was}A person's statement, not evidence:", size=_SMALL)
            self._text(f"> {item.said.text}")
            self._text(f"{_signed(item.said)} for {item.said.version}", size=_SMALL)
        if item.before is not None:
            note = f"Stated of {item.before.version}, not of this one: {item.before.text}"
            self._text(f"{note} ({_signed(item.before)})", size=_SMALL)

    def _heading(self, text: str) -> None:
        self._keep_together(40)
        self.pdf.ln(2)
        self._text(text, size=12, bold=True)

    def _keep_together(self, height: float) -> None:
        """Begin a page where less than this height (mm) is left of this one."""
        if self.pdf.will_page_break(height):
            self.pdf.add_page()

    def _text(self, text: str, *, size: float = _SIZE, bold: bool = False) -> None:
        self.pdf.set_font(self._family, "B" if bold else "", size)
        self.pdf.multi_cell(
            0, size * 0.5, self._words(text), align="L", new_x="LMARGIN", new_y="NEXT",
        )  # fmt: skip
        self.pdf.ln(0.8)

    def _table(
        self, head: Sequence[str], rows: Sequence[Sequence[str]], widths: tuple[int, ...]
    ) -> None:
        from fpdf.enums import TableBordersLayout, VAlign  # noqa: PLC0415 - an extra

        self.pdf.set_font(self._family, "", _SMALL)
        with self.pdf.table(
            col_widths=widths, line_height=_SMALL * 0.5, text_align="LEFT", width=sum(widths),
            align="LEFT", borders_layout=TableBordersLayout.HORIZONTAL_LINES, padding=0.6,
            v_align=VAlign.T,
        ) as table:  # fmt: skip
            for cells in (head, *(part for one in rows for part in _parts(one, widths))):
                row = table.row()
                for cell in cells:
                    row.cell(self._words(cell))
        self.pdf.ln(1)

    def _words(self, text: str) -> str:
        clean = "".join(one if one == "\n" or one.isprintable() else " " for one in text)
        return clean if self._whole else in_latin(clean)

    def _footer(self) -> None:
        self.pdf.set_y(-12)
        self.pdf.set_font(self._family, "", 7)
        text = f"{self._about}  ·  " if self._about else ""
        text += f"page {self.pdf.page_no()}"
        self.pdf.cell(0, 4, self._words(text), align="C")


def _parts(cells: Sequence[str], widths: Sequence[int]) -> Iterator[list[str]]:
    """The row, as several where a cell is longer than a page of its column."""
    pieces = [
        [cell[at : at + width * _TO_A_PAGE] for at in range(0, len(cell), width * _TO_A_PAGE)]
        for cell, width in zip(cells, widths, strict=True)
    ]
    for together in zip_longest(*pieces, fillvalue=""):
        yield list(together)


def _signed(one: Statement) -> str:
    return f"{one.by}, written down by {one.actor} on {one.at[:10]} (ledger, entry {one.entry})"


def _texts(document: Document) -> Iterator[str]:
    yield document.title
    for item in document.items:
        yield from (item.asks, item.missing)
        for one in (item.said, item.before):
            yield from () if one is None else (one.text, one.by)
        for line in item.lines:
            yield from (line.label, line.text)
