"""What PostgreSQL's errors mean in Bedside's words, and what of them must not be repeated."""

from bedside.core.errors import BedsideError, Refused, Unavailable

__all__ = ["in_our_words", "without_values"]

# Classes and codes of SQLSTATE. Source: PostgreSQL 15 manual, appendix A.
_FULL = ("53100", "58030")  # disk_full, io_error
_BUSY = ("55P03", "40001", "40P01")  # lock_not_available, serialization_failure, deadlock_detected
_DAMAGED = ("XX001", "XX002")  # data_corrupted, index_corrupted
_AWAY = ("08", "57P", "53", "25P03", "25006")  # connection, shutdown, resources, idle, standby
_LOGIN = ("28", "3D000", "42501")  # password or role, no such database, insufficient_privilege
_VALUES = ("22",)  # data exceptions repeat the value in their first line


def in_our_words(error: BaseException, *, connected: bool) -> BedsideError | None:
    """The error in Bedside's words, or None when it is not about disk, lock or connection."""
    state = getattr(error, "sqlstate", None)
    if state is None:  # libpq tells no more than this when it cannot connect or is cut off
        return _away(connected) if type(error).__name__ == "OperationalError" else None
    if state.startswith(_FULL):
        return Unavailable(
            "The database server's disk is full or takes no more; nothing of this step was kept.",
            fix="free some space on the server and run the same command again.",
            code="disk_full",
        )
    if state.startswith(_BUSY):
        return Unavailable(
            "Another process keeps the workspace's database locked.",
            fix="wait until it has ended, and run the same command again.",
            code="database_busy",
        )
    if state.startswith(_DAMAGED):
        return Refused(
            "The workspace's database is damaged.",
            fix="restore it from a backup; do not write to it.",
            code="database_damaged",
        )
    if state.startswith(_LOGIN):
        return Unavailable(
            "The database server does not let this user do this.",
            fix="check the user, the password and the database in the URL, and the user's rights.",
            code="database_unavailable",
        )
    return _away(connected) if state.startswith(_AWAY) else None


def without_values(error: BaseException) -> None:
    """Take what may be a patient's value, a password or a path out of the text of an error.

    The detail of an error repeats rows, and so does the first line where a value was wrong. The
    rest of the first line names a table, a column or a rule, and stays.
    """
    state = getattr(error, "sqlstate", None) or "no SQLSTATE"
    told = getattr(getattr(error, "diag", None), "message_primary", None)
    keep = told is not None and not state.startswith(_VALUES)
    error.args = (f"PostgreSQL: {told} ({state})" if keep else f"PostgreSQL: {state}",)


def _away(connected: bool) -> BedsideError:
    if connected:
        return Unavailable(
            "The database server broke off; whether the last step was kept is not known.",
            fix="check that the server runs, look what was kept, and run the same command again.",
            code="database_unavailable",
        )
    return Unavailable(
        "The database server cannot be reached, or refuses the login.",
        fix="check that it runs, and the host, user, password and database in the URL.",
        code="database_unavailable",
    )
