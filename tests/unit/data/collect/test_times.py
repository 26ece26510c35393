"""Written times become the moments that datetime and zoneinfo say, or none."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.core.records.table_mapping import TableTime
from bedside.data.collect.times import EARLIEST, LATEST, moments

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
END_OF_DAY = time(23, 59, 59, 999999)
wall_clocks = st.datetimes(datetime(1902, 1, 1), datetime(2099, 12, 31))  # noqa: DTZ001
days = st.dates(date(1902, 1, 1), date(2099, 12, 31))
whole_seconds = wall_clocks.map(lambda when: when.replace(microsecond=0))
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda n: timezone(timedelta(minutes=n)))


def one(written: str, zone: str | None = "UTC", **rule: object) -> datetime | None:
    (found,) = moments(pl.Series("x", [written]), TableTime(**rule), zone)
    return None if found is None else found.astimezone(UTC)


def placed(wall: datetime, zone: str) -> datetime | None:
    """The moment of a wall clock: the later of two, none where it was skipped."""
    moment = wall.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC)
    is_there = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wall
    return moment if is_there else None


@given(wall_clocks, st.sampled_from(ZONES), st.sampled_from(["T", " "]))
@settings(max_examples=100, deadline=None)
def test_an_iso_time_without_an_offset_is_in_the_declared_zone(wall, zone, between):
    assert one(wall.isoformat(between), zone) == placed(wall, zone)


@given(wall_clocks, offsets, st.sampled_from(ZONES))
@settings(max_examples=100, deadline=None)
def test_an_iso_time_with_an_offset_needs_no_zone(wall, offset, zone):
    moment = wall.replace(tzinfo=offset)
    written = moment.isoformat()

    for text in (written, written.replace("T", " "), written[:-3] + written[-2:]):
        assert one(text, None) == one(text, zone) == moment.astimezone(UTC)


@given(days, st.sampled_from(ZONES))
@settings(max_examples=60, deadline=None)
def test_a_date_is_placed_at_the_end_of_its_day(day, zone):
    end = placed(datetime.combine(day, END_OF_DAY), zone)

    assert one(day.isoformat(), zone) == end
    assert one(day.strftime("%d.%m.%Y"), zone, format="%d.%m.%Y") == end
    assert one(f"{day.isoformat()}T00:00:00", zone, date_only=True) == end
    assert one(day.strftime("%m/%d/%Y 0:00"), zone, format="%m/%d/%Y %H:%M", date_only=True) == end


def test_a_day_that_is_written_with_an_offset_ends_where_it_was_written():
    assert one("2026-03-01T00:00:00-05:00", date_only=True) == datetime(
        2026, 3, 2, 4, 59, 59, 999999, tzinfo=UTC
    )
    assert one("2026-03-01T00:00:00Z", "Asia/Kolkata", date_only=True) == datetime.combine(
        date(2026, 3, 1), END_OF_DAY, UTC
    )


@pytest.mark.parametrize(
    ("written", "pattern", "end"),
    [
        ("2024", "%Y", date(2024, 12, 31)),
        ("2024-02", "%Y-%m", date(2024, 2, 29)),
        ("Feb 2023", "%b %Y", date(2023, 2, 28)),
        ("060 2024", "%j %Y", date(2024, 2, 29)),
    ],
)
def test_a_month_or_a_year_is_placed_at_its_end_for_it_was_not_known_before(written, pattern, end):
    assert one(written, format=pattern) == datetime.combine(end, END_OF_DAY, UTC)


@given(
    whole_seconds,
    st.sampled_from(ZONES),
    st.sampled_from(
        [
            "%d.%m.%Y %H:%M:%S",
            "%Y%m%d%H%M%S",
            "%m/%d/%Y %I:%M:%S %p",
            "%d-%b-%Y %T",
            "%Y %j %H:%M:%S",
        ]
    ),
)
@settings(max_examples=100, deadline=None)
def test_a_pattern_reads_what_strftime_writes(wall, zone, pattern):
    written = wall.strftime(pattern)

    assert one(written, zone, format=pattern) == placed(wall, zone)
    several = f"%m-%d-%Y %H:%M | {pattern} | %d/%m/%Y"
    assert one(written, zone, format=several) == placed(wall, zone)


@given(whole_seconds, offsets)
@settings(max_examples=40, deadline=None)
def test_a_pattern_with_an_offset_is_not_moved_by_the_zone(wall, offset):
    moment = wall.replace(tzinfo=offset)
    written = moment.strftime("%d.%m.%Y %H:%M:%S %z")

    assert one(written, "Asia/Kolkata", format="%d.%m.%Y %H:%M:%S %z") == moment.astimezone(UTC)


@given(st.decimals(-50_000, 50_000, places=6), st.sampled_from(["s", "min", "h", "d"]))
@settings(max_examples=100, deadline=None)
def test_a_number_counts_from_the_origin(number, unit):
    origin = datetime(2000, 1, 1, 1, tzinfo=UTC)
    seconds = {"s": 1, "min": 60, "h": 3600, "d": 86400}[unit]
    expected = origin + timedelta(microseconds=round(number * seconds * 10**6))

    found = one(str(number), format="number", unit=unit, origin="2000-01-01T02:00:00+01:00")

    assert found is not None
    assert abs(found - expected) <= timedelta(microseconds=2)


@given(st.integers(0, 99_999), st.integers(0, 99), st.integers(0, 99) | st.none())
@settings(max_examples=60, deadline=None)
def test_a_clock_counts_hours_and_minutes_from_the_origin(hours, minutes, seconds):
    written = f"{hours:02d}:{minutes:02d}" + ("" if seconds is None else f":{seconds:02d}")
    origin = datetime(2000, 1, 1, tzinfo=UTC)

    found = one(written, format="clock", origin="2000-01-01T00:00:00Z")

    if minutes > 59 or (seconds or 0) > 59:
        assert found is None
    else:
        expected = origin + timedelta(hours=hours, minutes=minutes, seconds=seconds or 0)
        assert found is not None
        assert abs(found - expected) <= timedelta(microseconds=1)


def test_a_time_of_day_that_is_there_twice_is_the_later_and_a_skipped_one_is_none():
    assert one("2021-10-31T02:30", "Europe/Berlin") == datetime(2021, 10, 31, 1, 30, tzinfo=UTC)
    assert one("2021-03-28T02:30", "Europe/Berlin") is None


def test_without_a_zone_only_what_carries_one_is_read():
    assert one("2026-03-01T08:00", None) is None
    assert one("2026-03-01", None) is None
    assert one("01.03.2026", None, format="%d.%m.%Y") is None
    assert one("2026-03-01T08:00Z", None) == datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    ["", " ", "x", "NaN", "0000-01-01", "1799-12-31T23:59:59Z", "2300-01-02", "99999-01-01",
     "2026-02-30", "2026-13-01", "2026-01-01T25:00", "2026-01-01T10:00:00+99:99",
     "2026-01-01T10:61", "20260101", "2026-01-01T10:00:00ZZ", "-5", "1" * 5000],
)  # fmt: skip
def test_what_is_no_time_or_beyond_any_life_is_none(written):
    assert one(written) is None


@pytest.mark.parametrize(
    "written", ["nan", "inf", "-inf", "1e300", "", "1,5", "0x10", "1_000", "1e18"]
)
def test_what_is_no_number_of_hours_is_none(written):
    assert one(written, format="number", origin="2000-01-01T00:00:00Z") is None


def test_a_pattern_that_is_none_is_refused_without_a_value():
    with pytest.raises(Invalid) as caught:
        one("2026-03-01 secret", format="%Y-%m-%d %H")

    assert caught.value.code == "bad_time_format"
    assert "secret" not in str(caught.value)


RULES = [
    TableTime(),
    TableTime(date_only=True),
    TableTime(format="%d.%m.%Y %H:%M"),
    TableTime(format="%Y"),
    TableTime(format="number", unit="d", origin="2000-01-01T00:00:00Z"),
    TableTime(format="clock", origin="2000-01-01T00:00:00Z"),
]


def test_dates_that_were_shifted_far_ahead_keep_the_standard_time_of_the_zone():
    assert one("2150-07-01T12:00", "Europe/Berlin") == datetime(2150, 7, 1, 11, tzinfo=UTC)
    assert one("2150-07-01T12:00Z", "Europe/Berlin") == datetime(2150, 7, 1, 12, tzinfo=UTC)


@given(st.lists(st.text(max_size=30), max_size=5), st.sampled_from(RULES))
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_the_reading_and_every_moment_lies_within_a_life(written, rule):
    found = moments(pl.Series("x", written, dtype=pl.String), rule, "Europe/Berlin")

    assert len(found) == len(written)
    assert found.dtype == pl.Datetime("us", "UTC")
    assert all(EARLIEST <= moment <= LATEST for moment in found.drop_nulls())
