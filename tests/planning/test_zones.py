"""Hours of the week are those of the clock on the wall."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bots.errors import ConfigError
from planning.history.csv import parse_csv, write_csv
from planning.settings import blocks_of
from planning.window import windows
from planning.zones import zone_of

BERLIN = ZoneInfo("Europe/Berlin")
BEFORE = datetime(2026, 9, 7, tzinfo=BERLIN).astimezone(UTC)
WEEKS = 12
"""Seven of summer time, five of winter time."""


def history(zone: str = "Europe/Berlin"):
    """Return hours that are full from 8 to 10 by Berlin's clock, and empty else."""
    lines = [f"# zone: {zone}"] * bool(zone) + ["time,participants"]
    for hour in range(WEEKS * 168):
        moment = BEFORE + timedelta(hours=hour)
        is_full = moment.astimezone(BERLIN).hour in (8, 9)
        lines.append(f"{moment.astimezone(BERLIN).isoformat()},{900 if is_full else 3}")
    return parse_csv(lines, source="h.csv")


def risky_hours(zone: str) -> set[str]:
    found = windows(history(zone), usable=100, nodes=6, nodes_out=2, hours=1, days=7)
    return {one.starts_at[11:] for one in found if one.risk > 0.01}


def test_a_lesson_at_eight_is_at_eight_in_summer_and_in_winter():
    assert risky_hours("Europe/Berlin") == {"08:00+01:00", "09:00+01:00"}
    # Without the zone its name an hour of either season is as bad as the other's.
    assert len(risky_hours("")) == 3


def test_a_window_over_the_change_of_clocks_has_both_offsets():
    whole = list(write_csv(history()))
    summer = [one for one in whole if not one[0].isdigit() or one < "2026-10-24T01"]
    past = parse_csv(summer, source="h.csv")

    found = windows(past, usable=500, nodes=6, nodes_out=2, hours=3, days=3)

    night = next(one for one in found if one.starts_at == "2026-10-25T01:00+02:00")
    assert night.ends_at == "2026-10-25T03:00+01:00"


def test_hours_of_the_peak_are_counted_by_the_clock():
    by_clock, by_offset = blocks_of(history()), blocks_of(history(""))

    # 14 of 168 hours of a week, of 730.5 in a month; an hour a day more without zone.
    assert by_clock[0][1] == pytest.approx(14 / 168 * 730.5)
    assert by_offset[0][1] == pytest.approx(21 / 168 * 730.5)


def test_the_zone_comes_back_from_the_file():
    again = parse_csv(list(write_csv(history())), source="h.csv")

    assert again.zone == "Europe/Berlin"
    assert again.times_s == history().times_s


@pytest.mark.parametrize("name", ["Berlin/Europe", "../etc/passwd", "", "x" * 300])
def test_what_is_no_zone_is_one_sentence(name):
    with pytest.raises(ConfigError, match="no time zone such as"):
        zone_of(name)
