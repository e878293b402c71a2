import pytest

from loadtest.node.times import hasura_time, middleware_time, read_time


@pytest.mark.parametrize(
    ("unix_s", "expected"),
    [
        (1785756455.142, "2026-08-03T11:27:35.142+00:00"),
        (1785756461.37, "2026-08-03T11:27:41.37+00:00"),
        (1785756461.0, "2026-08-03T11:27:41+00:00"),
        (None, None),
    ],
)
def test_hasura_cuts_trailing_zeros(unix_s, expected):
    assert hasura_time(unix_s) == expected


def test_the_middleware_writes_three_decimals_and_a_z():
    assert middleware_time(1785756460.77) == "2026-08-03T11:27:40.770Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-08-03T11:27:34.348Z", 1785756454.348),
        ("2026-08-03T11:27:35.142+00:00", 1785756455.142),
        ("Mon, 03 Aug 2026 11:27:43 GMT", 1785756463.0),
        ("2000-01-01", 946684800.0),
    ],
)
def test_the_cursors_of_the_recorded_client_are_read(text, expected):
    assert read_time(text) == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("text", ["soon", "", None, 5])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        read_time(text)
