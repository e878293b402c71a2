"""The reader of Prometheus, against Debian's Prometheus with blocks by promtool."""

import math
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bots.errors import ConfigError
from planning.history.csv import parse_csv, write_csv
from planning.history.prometheus import (
    MOST_POINTS,
    Wanted,
    chunks,
    http_fetch,
    read_prometheus,
)
from planning.series import weekly_peaks
from tests.support.prometheus import prometheus, write_openmetrics

DAY_S = 86_400
START_S = int(datetime(2025, 6, 2, tzinfo=UTC).timestamp())
MONTHS_15_S = 65 * 7 * DAY_S
SCRAPE_S = 300

pytestmark = pytest.mark.prometheus


def busy(time_s: int) -> float:
    """Participants of a node: a daily wave, none at night."""
    return max(0.0, math.sin(2 * math.pi * (time_s % DAY_S) / DAY_S - 1.5))


def node(index: int, time_s: int) -> int:
    growth = 1 + (time_s - START_S) / MONTHS_15_S
    return round(100 * (index + 1) * growth * busy(time_s))


def exporter(step_s: int, ends_s: int):
    """Two nodes, of which one is scraped by two jobs."""
    times = range(START_S, ends_s, step_s)

    def samples(value, jobs=("bbb", "again")):
        for index in (0, 1):
            for job in jobs if index == 0 else jobs[:1]:
                for time_s in times:
                    labels = f'instance="n{index}",job="{job}"'
                    yield labels, time_s, value(index, time_s)

    return [
        ("bbb_meetings_participants", "gauge", samples(node)),
        ("bbb_meetings_listeners", "gauge", samples(lambda i, t: 0)),
        (
            "bbb_meetings_participants_max",
            "gauge",
            samples(lambda i, t: min(40 + i, node(i, t))),
        ),
    ]


@pytest.fixture(scope="module")
def fifteen_months(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    metrics = folder / "metrics.txt"
    write_openmetrics(metrics, exporter(SCRAPE_S, START_S + MONTHS_15_S))
    with prometheus(folder, metrics) as address:
        yield address


def test_fifteen_months_of_blocks_are_read_through_the_api(fifteen_months):
    wanted = Wanted(url=fifteen_months, starts_s=START_S, ends_s=START_S + MONTHS_15_S)

    history = read_prometheus(wanted, http_fetch(fifteen_months))

    assert len(history.times_s) > 12 * MOST_POINTS * 0.99
    assert history.gaps == ()
    for index in range(1000, len(history.times_s) - 1, 5000):
        ends_s = history.times_s[index] + SCRAPE_S
        # A bin holds (start, end]: one scrape at its end, and one that still counted.
        seen = [sum(node(i, t) for i in (0, 1)) for t in (ends_s - SCRAPE_S, ends_s)]
        assert history.participants[index] == max(seen)
    assert max(history.largest_meeting) == 41
    assert history.listeners is None
    assert any("listeners were 0" in note for note in history.notes)
    weeks = weekly_peaks(history)
    assert len(weeks) == 65
    assert weeks[-1].peak == pytest.approx(600, rel=0.02)


def test_what_was_read_comes_back_from_our_csv(fifteen_months):
    wanted = Wanted(
        url=fifteen_months,
        starts_s=START_S,
        ends_s=START_S + 14 * DAY_S,
        utc_offset_s=7200,
    )
    history = read_prometheus(wanted, http_fetch(fifteen_months))

    again = parse_csv(write_csv(history), source="again.csv")

    assert again.participants == history.participants
    assert again.times_s == history.times_s
    assert again.notes == history.notes
    assert again.utc_offset_s == 7200


def test_a_range_without_series_is_one_sentence(fifteen_months):
    wanted = Wanted(url=fifteen_months, starts_s=0, ends_s=DAY_S)

    with pytest.raises(ConfigError, match="has no series of bigbluebutton-exporter"):
        read_prometheus(wanted, http_fetch(fifteen_months))


def test_a_selector_that_is_none_is_told_with_the_servers_reason(fifteen_months):
    wanted = Wanted(
        url=fifteen_months, starts_s=START_S, ends_s=START_S + DAY_S, selector="job=="
    )

    with pytest.raises(ConfigError, match=r"answers 400: .*unexpected"):
        read_prometheus(wanted, http_fetch(fifteen_months))


def test_a_server_that_is_away_is_tried_four_times():
    waited: list[float] = []
    fetch = http_fetch("http://127.0.0.1:9", sleep=waited.append)

    with pytest.raises(ConfigError, match="tried 4 times"):
        fetch("/api/v1/query", {"query": "up"})

    assert waited == [2.0, 4.0, 8.0]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://ann:pass-word@127.0.0.1:9", "127.0.0.1:9 holds a user: leave it out"),
        ("http://[::1", "the address of the Prometheus server is none"),
        ("ftp://127.0.0.1", "is no address of a Prometheus server"),
    ],
)
def test_what_is_no_address_is_said_without_its_password(url, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        http_fetch(url)

    assert "pass-word" not in str(caught.value)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_used_is_one_sentence(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ConfigError, match=r"ca\.pem cannot be used"):
        http_fetch("https://127.0.0.1:9", ca_file=str(path))


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(302, "answers 302"), (404, "answers 404, as no Prometheus does: give its")],
)
def test_a_token_goes_to_no_other_server_and_what_is_no_prometheus_is_told(
    status, sentence
):
    seen: list[tuple[str, str | None]] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append((self.path, self.headers["Authorization"]))
            self.send_response(status)
            self.send_header("Location", f"http://127.0.0.1:{port}/other")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        fetch = http_fetch(f"http://127.0.0.1:{port}", token="t0ken")
        with pytest.raises(ConfigError, match=sentence):
            fetch("/api/v1/query", {"query": "up"})
        server.shutdown()

    assert seen == [("/api/v1/query", "Bearer t0ken")]


def test_chunks_cover_every_bin_once_and_stay_below_the_limit():
    ends_s = START_S + MONTHS_15_S
    seen = [
        moment
        for first, last in chunks(START_S, ends_s)
        for moment in range(first, last + 1, 300)
    ]

    assert seen == list(range(START_S + 300, ends_s + 1, 300))
    assert all((b - a) // 300 < 11_000 for a, b in chunks(START_S, ends_s))


def day_of(folder, families):
    metrics = folder / "metrics.txt"
    write_openmetrics(metrics, families)
    return prometheus(folder, metrics)


def minutes(value, labels="", count=1440):
    return [(labels, START_S + 60 * m, value(m)) for m in range(count)]


def read(address: str):
    wanted = Wanted(url=address, starts_s=START_S, ends_s=START_S + DAY_S)
    return read_prometheus(wanted, http_fetch(address))


def test_sums_are_taken_at_equal_times_and_maxima_after(tmp_path):
    # Each node has 100 in turn: together they never have more than 110.
    families = [
        (
            "bbb_meetings_participants",
            "gauge",
            [
                *minutes(lambda m: 100 if m % 2 else 10, 'instance="a"'),
                *minutes(lambda m: 10 if m % 2 else 100, 'instance="b"'),
            ],
        )
    ]

    with day_of(tmp_path, families) as address:
        history = read(address)

    assert set(history.participants) == {110}


def test_hours_in_which_a_node_was_silent_are_left_out(tmp_path):
    silent = range(600, 720)
    families = [
        (
            "bbb_meetings_participants",
            "gauge",
            [
                *minutes(lambda m: 50, 'instance="a"'),
                *(
                    sample
                    for m, sample in enumerate(minutes(lambda m: 70, 'instance="b"'))
                    if m not in silent
                ),
            ],
        )
    ]

    with day_of(tmp_path, families) as address:
        history = read(address)

    assert set(history.participants) == {120}
    assert len(history.gaps) == 1
    assert 6600 <= history.gaps[0].duration_s <= 7800
    assert any("fewer nodes answered" in note for note in history.notes)


def test_our_own_load_tests_are_subtracted_and_told(tmp_path):
    ours = 'instance="a",server="lab",name="bbbload"'
    families = [
        (
            "bbb_meetings_participants",
            "gauge",
            minutes(lambda m: 440 if 600 <= m < 660 else 40, 'instance="a"'),
        ),
        (
            "bbb_meetings_participants_origin",
            "gauge",
            minutes(lambda m: 400 if 600 <= m < 660 else 0, ours),
        ),
    ]

    with day_of(tmp_path, families) as address:
        history = read(address)

    assert set(history.participants) == {40}
    assert any("up to 400 participants" in note for note in history.notes)


def test_b3scale_counts_every_participant_and_the_largest_meeting(tmp_path):
    def meeting(name, kind, value):
        labels = f'frontend="f",backend="b",meeting="{name}",type="{kind}"'
        return minutes(lambda m: value, labels, 600)

    families = [
        (
            "b3scale_meeting_attendees",
            "gauge",
            [
                *meeting("one", "audio", 20),
                *meeting("one", "video", 5),
                *meeting("two", "audio", 7),
            ],
        ),
        (
            "b3scale_frontend_attendees",
            "gauge",
            minutes(lambda m: 27, 'frontend="f"', 600),
        ),
        ("b3scale_backend_meetings", "gauge", minutes(lambda m: 2, 'backend="b"')),
    ]

    with day_of(tmp_path, families) as address:
        history = read(address)

    assert max(history.participants) == 32
    # After the last meeting nobody is there, which is known and no gap.
    assert history.participants[-1] == 0
    assert history.gaps == ()
    assert max(v for v in history.meetings if v) == 2
    assert max(v for v in history.cameras if v) == 5
    assert max(v for v in history.largest_meeting if v) == 25


def test_b3lb_tells_what_its_limit_refused_across_a_reset(tmp_path):
    def hits(m):  # 3 a minute for ten minutes, and the process restarts in between
        count = 3 * min(max(0, m - 600), 10)
        return count - 15 if m >= 606 else count

    families = [
        ("b3lb_attendees", "gauge", minutes(lambda m: 80, 'secret="t-0"')),
        (
            "b3lb_attendee_limit_hits",
            "gauge",
            minutes(lambda m: max(0, hits(m)), 'secret="t-0"'),
        ),
    ]

    with day_of(tmp_path, families) as address:
        history = read(address)

    assert max(history.participants) == 80
    assert 20 <= sum(v or 0 for v in history.limit_hits) <= 40
