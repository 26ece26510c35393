"""Numbers, lengths of time, and how long ago, as they are said at the bedside."""

from datetime import timedelta
from decimal import Decimal

__all__ = ["ago", "lasting", "number"]

_DAY = 24.0
_MONTH = _DAY * 365.25 / 12
_YEAR = _DAY * 365.25


def number(value: float) -> str:
    """Three significant digits, thousands set apart, never an exponent.

    >>> number(1326.4), number(0.0123), number(999.7), number(0.0000412), number(-7.0)
    ('1,326', '0.0123', '1,000', '0.0000412', '-7')
    """
    if round(abs(value)) >= 1000:
        return f"{value:,.0f}"
    told = f"{value:.3g}"
    return f"{Decimal(told):f}" if "e" in told else told


def lasting(hours: float, *, whole: bool = False) -> str:
    """A length of time in the unit that suits it.

    Args:
        hours: Not negative.
        whole: Completed units only, as ages are told.

    >>> lasting(0.7), lasting(6), lasting(5.25), lasting(72), lasting(720), lasting(24 * 365)
    ('42 min', '6 h', '5.2 h', '72 h', '30 days', '365 days')
    >>> lasting(24 * 365.25 * 71.9, whole=True), lasting(24 * 40.0, whole=True)
    ('71 years', '40 days')
    """
    if whole:
        return _completed(hours)
    if 0 < hours < 1.5 and hours != 1:
        return f"{round(hours * 60)} min"
    if hours <= 72:
        return f"{number(float(f'{hours:.2g}') if hours < 100 and hours % 1 else hours)} h"
    if hours < 2 * _YEAR:
        return f"{round(hours / _DAY, 0 if hours > 10 * _DAY else 1):g} days"
    return f"{round(hours / _YEAR, 1):g} years"


def ago(age: timedelta) -> str:
    """How long ago something was.

    >>> ago(timedelta(seconds=20)), ago(timedelta(minutes=40)), ago(timedelta(minutes=100))
    ('just now', '40 min ago', '1.5 h ago')
    >>> ago(timedelta(hours=3, minutes=5)), ago(timedelta(hours=51)), ago(timedelta(days=800))
    ('3 h ago', '2 days ago', '2 years ago')
    """
    minutes = age.total_seconds() / 60
    hours = minutes / 60
    if minutes < 1:
        return "just now"
    if minutes < 59.5:
        return f"{round(minutes)} min ago"
    if hours < 2 * _DAY:
        return f"{round(hours * 2) / 2 if hours < 10 else round(hours):g} h ago"
    for unit, name, most in ((_DAY, "days", 2 * _MONTH), (_MONTH, "months", 2 * _YEAR)):
        if hours < most:
            return f"{round(hours / unit)} {name} ago"
    return f"{round(hours / _YEAR)} years ago"


def _completed(hours: float) -> str:
    """An age: days in the first two months, months in the first two years, then years."""
    for unit, name, least in ((_YEAR, "years", 2), (_MONTH, "months", 2)):
        if hours >= least * unit:
            return f"{int(hours / unit)} {name}"
    days = int(hours / _DAY)
    return f"{days} {'day' if days == 1 else 'days'}"
