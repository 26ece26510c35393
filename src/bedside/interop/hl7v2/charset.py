"""The character set of a message: MSH-18, with the names of HL7 table 0211."""

from bedside.core.errors import Invalid

__all__ = ["decoded"]

_CODECS = {
    "": "utf-8",
    "ASCII": "utf-8",  # which says the same for ASCII, and is what mislabelled messages hold
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "8859/1": "latin-1",
    "8859/2": "iso8859_2",
    "8859/3": "iso8859_3",
    "8859/4": "iso8859_4",
    "8859/5": "iso8859_5",
    "8859/6": "iso8859_6",
    "8859/7": "iso8859_7",
    "8859/8": "iso8859_8",
    "8859/9": "iso8859_9",
    "8859/15": "iso8859_15",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5",
}
_BOM = b"\xef\xbb\xbf"
_FIELD = 17  # of MSH, when the line is parted at MSH-1


def decoded(content: bytes) -> str:
    """The text of one message.

    A message that names no character set is read as UTF-8, and ASCII is a part of that; nothing is
    guessed.

    Raises:
        Invalid: it holds NUL, names a character set that is not known, or is not in the one that
            it names (code `hl7_character_set`). The bytes are never repeated.
    """
    content = content.removeprefix(_BOM)
    if b"\0" in content:
        raise _wrong("it holds a NUL byte")
    head = content[: content.find(b"\r") if b"\r" in content else None].partition(b"\n")[0]
    name = ""
    if len(head) > 4:
        fields = head.split(head[3:4], _FIELD + 1)
        if len(fields) > _FIELD:
            name = fields[_FIELD].split(fields[1][1:2] or b"~")[0].decode("ascii", "replace")
    codec = _CODECS.get(name.strip().upper())
    if codec is None:
        raise _wrong("MSH-18 names a character set that is not known")
    try:
        return content.decode(codec)
    except UnicodeDecodeError:
        if name.strip():
            raise _wrong("it is not in the character set that MSH-18 names") from None
        raise _wrong("it is not UTF-8, and MSH-18 names no other character set") from None


def _wrong(problem: str) -> Invalid:
    return Invalid(
        problem,
        fix="name the character set in MSH-18, such as UNICODE UTF-8 or 8859/1.",
        code="hl7_character_set",
    )
