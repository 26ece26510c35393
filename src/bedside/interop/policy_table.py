"""Bytes of a table of expected decisions to its record; mistakes name line and fix."""

from collections.abc import Iterator

from bedside.core.records.policy_table import PolicyTable
from bedside.interop.declaration.yaml_records import Mistake, read_record

__all__ = ["read_policy_table"]


def read_policy_table(content: bytes, *, file: str = "decisions.yaml") -> PolicyTable:
    """Read a table.

    Raises:
        Invalid: not YAML, an unknown key, a role, an act or a zone that is none, or no row. The
            message names the line, the place and the fix.

    >>> row = b"decisions: [{act: erase, purpose: audit, expected: refused}]"
    >>> read_policy_table(row).decisions[0].act.value
    'erase'
    """
    return read_record(content, PolicyTable, file=file, mistakes=_mistakes)


def _mistakes(table: PolicyTable) -> Iterator[Mistake]:
    if not table.decisions:
        yield Mistake(("decisions",), "the table has no row", "write at least one decision")
