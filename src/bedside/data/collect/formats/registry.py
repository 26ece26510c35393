"""Which reader reads which format; each is loaded when it is first asked for."""

from importlib import import_module

from bedside.core.records.collection import Format
from bedside.data.collect.facts import Reader

__all__ = ["reader_of"]


def reader_of(name: Format) -> Reader:
    """The reader of a format."""
    reader = import_module(f"bedside.data.collect.formats.{name}").READER
    assert isinstance(reader, Reader)  # noqa: S101 - a programmer's mistake, not a user's
    return reader
