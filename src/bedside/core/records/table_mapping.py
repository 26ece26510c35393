"""Which column of a table is what: how rows become facts."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["TableColumn", "TableMapping", "TableTime"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTime:
    """How a table tells a time.

    Args:
        column: The column; None: every row happens at `origin`.
        format: `iso`, `number` (of `unit`s since `origin`), or a strptime pattern such as
            `%m/%d/%Y`; several patterns are tried in turn, separated by ` | `. `clock` is hours
            and minutes since `origin`, as in `37:15`.
        unit: For numbers.
        origin: ISO 8601 with its zone; for numbers and for `clock`.
        date_only: The column has no time of day. A day is counted as known at its end, so what
            happened on it is placed at its last microsecond, not at midnight before it.
    """

    column: str | None = None
    format: str = "iso"
    unit: Literal["s", "min", "h", "d"] = "h"
    origin: str | None = None
    date_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """A column with values: its code, and what kind of fact its values are (for `known_at`).

    `categories` translates what is written into what is meant; a value that is not in it counts as
    not understood. Without a `unit` a value is text. `role` static gives a fact without a time,
    `mark` one without a value: that something is written says it happened, and what is written may
    be a number that names someone.
    """

    code: str
    kind: str = "measurement"
    unit: str | None = None
    categories: dict[str, str] | None = None
    missing: tuple[str, ...] = ()
    role: Literal["event", "static", "mark"] = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMapping:
    """One table, or several that look alike.

    Args:
        files: A pattern of file names; with `views`, the name of a view.
        subject: The column with the patient identifier.
        one_subject: Without such a column: a `file` is about one subject, named by the file's name
            without its ending, or each `row` is about another.
        time: When a row happened.
        end: When it ended, if it is an interval.
        columns: For a wide table: a column for each kind of value.
        code_column: For a long table: the column that says what was measured...
        value_column: ...and the one with the value,
        unit_column: ...and the one with its unit, if there is one.
        codes: For a long table: what is written in `code_column`, and what it means.
        encounter: The column with the stay or visit.
        key: Columns that together name a row: the same key with other values is a correction.
        missing: What is written where nothing was measured, in any column.
        row_event: A code for an event, of the kind `encounter`, that each row gives by itself.
        constants: Static facts about every subject of the table, of the kind `patient`: a code and
            its text, such as the site.
        separator: Of a text table, where its ending does not say it.
    """

    files: str
    subject: str | None = None
    one_subject: Literal["file", "row"] = "file"
    time: TableTime = field(default_factory=TableTime)
    end: TableTime | None = None
    columns: dict[str, TableColumn] = field(default_factory=dict)
    code_column: str | None = None
    value_column: str | None = None
    unit_column: str | None = None
    codes: dict[str, TableColumn] = field(default_factory=dict)
    encounter: str | None = None
    key: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    row_event: str | None = None
    constants: dict[str, str] = field(default_factory=dict)
    separator: str | None = None
