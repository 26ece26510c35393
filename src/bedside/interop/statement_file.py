"""Bytes of a file of answers to the gaps of documents; mistakes name line and fix."""

from collections.abc import Iterator

from bedside.core.records.statement import StatementFile
from bedside.interop.declaration.yaml_records import Mistake, read_record

__all__ = ["read_statement_file"]


def read_statement_file(content: bytes, *, file: str = "answers.yaml") -> StatementFile:
    r"""Read it.

    Raises:
        Invalid: not YAML, an unknown key, or no answer. The message names the line, the place and
            the fix.

    >>> dict(read_statement_file(b"by: Dr Ada Example\nanswers: {hti1.2: own funds}").answers)
    {'hti1.2': 'own funds'}
    """
    return read_record(content, StatementFile, file=file, mistakes=_mistakes)


def _mistakes(told: StatementFile) -> Iterator[Mistake]:
    if not any(text.strip() for text in told.answers.values()):
        yield Mistake(("answers",), "there is no answer", "write at least one")
