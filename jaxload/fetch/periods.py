"""Days that are fetched: parsed, in order, and within what a centre has."""

import datetime

__all__ = ["FetchDays", "parse_days", "parse_search_days"]

#: First and last day.
FetchDays = tuple[datetime.date, datetime.date]


def parse_days(days: tuple[str, str], begins: str, what: str) -> FetchDays:
    """Parse the days that are fetched of data that go on until today.

    Args:
      days: First and last day, ISO.
      begins: First day of the data, ISO.
      what: Name of the data, in the plural, for messages.

    Returns:
      First and last day.

    Raises:
      ValueError: If one is missing or no day, they are in the wrong order, or nothing
        is there of some of them.
    """
    first, last = _dates(days)
    _check_order(first, last)
    earliest, today = datetime.date.fromisoformat(begins), datetime.date.today()
    if first < earliest:
        raise ValueError(
            f"--start is {first}, but {what} begin on {earliest}; use --start "
            f"{earliest} or later"
        )
    if last > today:
        raise ValueError(
            f"--end is {last}, which is in the future; use --end {today} or earlier "
            f"({what} may end some days or weeks before)"
        )
    return first, last


def parse_search_days(days: tuple[str, str], begins: str, what: str) -> tuple[str, str]:
    """Parse the days of a search, of which any part may be there.

    Args:
      days: First and last day, ISO; empty for the first and the last of the data.
      begins: As for `parse_days`.
      what: Likewise.

    Returns:
      The days, ISO; empty as they were.

    Raises:
      ValueError: If one is no day, they are in the wrong order, or nothing is there of
        all of them.
    """
    earliest, today = datetime.date.fromisoformat(begins), datetime.date.today()
    first, last = _dates((days[0] or begins, days[1] or today.isoformat()))
    if days[0] and first > today:
        raise ValueError(f"--start is {first}, which is in the future")
    if days[1] and last < earliest:
        raise ValueError(
            f"--end is {last}, but {what} begin on {earliest}; use later days"
        )
    _check_order(first, last)
    named = zip(days, (first, last), strict=True)
    first_day, last_day = (day.isoformat() if text else "" for text, day in named)
    return first_day, last_day


def _dates(days: tuple[str, str]) -> FetchDays:
    try:
        first, last = map(datetime.date.fromisoformat, days)
    except ValueError:
        raise ValueError(
            f"the days are {days[0]!r} and {days[1]!r}, expected first and last as "
            "2015-01-31; use --start and --end"
        ) from None
    return first, last


def _check_order(first: datetime.date, last: datetime.date) -> None:
    if last < first:
        raise ValueError(f"--end {last} is before --start {first}")
