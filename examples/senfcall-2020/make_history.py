"""Write history.csv: a modelled year that honours what Senfcall published about 2020.

Published are the start in March, a flat May to September, the steep rise from October
on, sudden rises at the beginning of November and in the week before Christmas, and the
peak of 1,117 on the morning of 16 December. Everything else (the levels between, days,
hours, noise) is made up with a fixed seed. Run: python make_history.py > history.csv
"""

import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

ZONE = ZoneInfo("Europe/Berlin")
FIRST = datetime(2020, 3, 20, tzinfo=ZONE)
LAST = datetime(2021, 1, 1, tzinfo=ZONE)
PEAK = 1117
PEAK_AT = datetime(2020, 12, 16, 10, tzinfo=ZONE)

LEVELS = (
    # (day, what the busiest hour of an ordinary weekday reaches from then on, linear)
    ("2020-03-20", 10),
    ("2020-04-20", 90),
    ("2020-05-04", 165),
    ("2020-09-30", 175),
    ("2020-10-31", 360),
    ("2020-11-01", 360),
    ("2020-11-02", 590),  # the sudden rise at the beginning of November
    ("2020-11-30", 690),
    ("2020-12-11", 740),
    ("2020-12-13", 740),
    ("2020-12-14", 1010),  # the week before Christmas
    ("2020-12-18", 1010),
    ("2020-12-19", 700),
    ("2020-12-22", 330),
    ("2021-01-01", 300),
)
WORKDAY = (
    *(0.01, 0.005, 0.003, 0.003, 0.005, 0.01, 0.03, 0.18),
    *(0.68, 0.90, 1.00, 0.93, 0.72, 0.52, 0.50, 0.46),
    *(0.40, 0.40, 0.46, 0.55, 0.52, 0.33, 0.14, 0.04),
)
FREE_DAY = (
    *(0.02, 0.01, 0.005, 0.003, 0.003, 0.005, 0.01, 0.03),
    *(0.05, 0.09, 0.14, 0.16, 0.15, 0.15, 0.18, 0.21),
    *(0.23, 0.24, 0.28, 0.34, 0.34, 0.24, 0.12, 0.05),
)
PUBLIC_HOLIDAYS = {
    *("2020-04-10", "2020-04-13", "2020-05-01", "2020-05-21", "2020-06-01"),
    *("2020-10-03", "2020-12-25", "2020-12-26"),
}


def main() -> None:
    """Print the file."""
    rng = np.random.default_rng(2020)
    days = [
        (datetime.fromisoformat(day).replace(tzinfo=ZONE).timestamp(), level)
        for day, level in LEVELS
    ]
    times, levels = zip(*days, strict=True)
    moments = []
    moment = FIRST
    while moment < LAST:
        moments.append(moment)
        # Arithmetic in UTC, or the hours of the clock changes would come out wrong.
        moment = (moment.astimezone(ZoneInfo("UTC")) + timedelta(hours=1)).astimezone(
            ZONE
        )
    daily: dict[str, float] = {}
    rows = []
    for moment in moments:
        day = moment.date().isoformat()
        if day not in daily:
            daily[day] = float(np.exp(rng.normal(0.0, 0.06)))
        is_free = moment.weekday() >= 5 or day in PUBLIC_HOLIDAYS
        share = (FREE_DAY if is_free else WORKDAY)[moment.hour]
        level = float(np.interp(moment.timestamp(), times, levels))
        noise = float(np.exp(rng.normal(0.0, 0.04)))
        rows.append([moment, round(level * share * daily[day] * noise)])
    for row in rows:
        # The published peak is the year's only one at its height.
        row[1] = PEAK if row[0] == PEAK_AT else min(row[1], PEAK - 20)
    write = sys.stdout.write
    write("# MODELLED, not measured: made by make_history.py, seed 2020.\n")
    write("# Honours what Senfcall published about 2020; all else is made up.\n")
    write("# Hourly maxima of devices connected at once; no person was ever counted.\n")
    write("time,participants\n")
    for moment, participants in rows:
        write(f"{moment.isoformat()},{participants}\n")


if __name__ == "__main__":
    main()
