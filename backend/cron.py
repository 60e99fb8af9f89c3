"""A cron expression goes in; what is wrong with it, or when it comes next, comes out.

It alone knows croniter, and loads it on first use: most commands never ask. Where a clock is put
forward, what would come in the missing hour comes at its end; where one is put back, what comes in
the hour that is there twice comes twice.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

OFF = "off"
DAILY = "0 3 * * *"
EXAMPLE = f'"{DAILY}" (daily at 03:00)'
EXPECTED = (
    "a cron expression of 5 fields (minute hour day month weekday), or of 6 with seconds first, "
    f'such as {EXAMPLE}, or "off"'
)
FIELDS = (5, 6)


def expression(text: str) -> str:
    """The expression with single spaces, or "off". Raises ValueError with what was expected."""
    fields = text.split()
    told = " ".join(fields)
    if told.lower() == OFF:
        return OFF
    if told == DAILY:  # what most have: no need to load anything to know that it is well
        return DAILY
    # croniter takes more than cron does: a year, and letters that stand for a random number,
    # which every process that reads them would choose anew
    if len(fields) not in FIELDS or any(field[0] in "rRhH@" for field in fields):
        raise ValueError(EXPECTED)
    from croniter import croniter

    if not croniter.is_valid(told, second_at_beginning=True):
        raise ValueError(EXPECTED)
    try:
        next_time(told, datetime.now(UTC))
    except ValueError:
        raise ValueError(f"a time that comes (this day is in no calendar): {EXPECTED}") from None
    return told


def next_time(told: str, after: datetime) -> datetime:
    """The first moment after `after` that the expression names, in the time zone of `after`."""
    from croniter import croniter

    return croniter(told, after, second_at_beginning=True).get_next(datetime)


def latest_time(told: str, until: datetime) -> datetime:
    """The last moment before `until` that the expression named, in the time zone of `until`."""
    from croniter import croniter

    return croniter(told, until, second_at_beginning=True).get_prev(datetime)


def local_zone(variable: str | None, file: Path = Path("/etc/localtime")) -> "ZoneInfo":
    """The machine's time zone by name: from TZ, else from where `file` leads; else UTC.

    The name, for an offset knows nothing of daylight saving.
    """
    from zoneinfo import ZoneInfo

    told = variable.strip().removeprefix(":") if variable is not None else str(file.resolve())
    name = told.rpartition("zoneinfo/")[2]
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, a path, a folder: as the C library has it
        return ZoneInfo("UTC")
