"""Prices read over HTTP from a small server on loopback, never from the net."""

import json
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loadtest.cli import run_command
from planning.catalog import parse_catalog

TOKEN = "not-a-real-token"


def kind(
    name: str, cpu: str = "dedicated", location: str = "fsn1"
) -> dict[str, object]:
    def both(net: str) -> dict[str, str]:
        return {"net": net, "gross": str(float(net) * 1.19)}

    price = {
        "location": location,
        "price_hourly": both("0.0600000000"),
        "price_monthly": both("37.5000000000"),
        "included_traffic": 20_000_000_000_000,
        "price_per_tb_traffic": both("1.0000000000"),
    }
    return {
        "name": name,
        "cores": 8,
        "memory": 32.0,
        "cpu_type": cpu,
        "deprecated": False,
        "prices": [price],
    }


@contextmanager
def hoster(answers: dict[str, object], status: int = 200) -> Iterator[tuple[str, list]]:
    """Serve pages of the API by page number; yield its URL and the headers seen."""
    seen: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))
            page = self.path.partition("page=")[2].partition("&")[0]
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "http://127.0.0.2:9/elsewhere")
            self.end_headers()
            self.wfile.write(json.dumps(answers.get(page, {})).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def refresh(url: str, *more: str) -> int:
    return run_command(["catalog", "refresh", "hcloud", "--url", url, *more])


def test_prices_of_two_pages_become_a_catalogue_that_can_be_read(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("HCLOUD_TOKEN", TOKEN)
    output = tmp_path / "hcloud.toml"
    pages = {
        "1": {
            "server_types": [kind("ccx33"), kind("cpx51", cpu="shared")],
            "meta": {"pagination": {"next_page": 2}},
        },
        "2": {
            "server_types": [kind("ccx43"), kind("ccx13", location="hel1")],
            "meta": {"pagination": {"next_page": None}},
        },
    }

    with hoster(pages) as (url, seen):
        assert refresh(url, "-o", str(output)) == 0

    today = datetime.now(UTC).date()
    read = parse_catalog(
        tomllib.loads(output.read_text()), source="hcloud.toml", today=today
    )
    assert [one.name for one in read.types] == [
        "hcloud ccx33 fsn1",
        "hcloud ccx43 fsn1",
    ]
    first = read.types[0]
    assert first.billing == "hourly"
    assert first.price_eur == pytest.approx(37.5 * 1.19)
    assert first.hour_eur == pytest.approx(0.06 * 1.19)
    assert first.included_traffic_bytes == pytest.approx(20e12)
    assert read.date == today.isoformat()
    assert seen == [f"Bearer {TOKEN}"] * 2
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err + output.read_text()


@pytest.mark.parametrize(
    ("status", "words"), [(401, "refused"), (302, "302"), (500, "500")]
)
def test_a_refusal_is_one_sentence_without_the_token(
    status, words, monkeypatch, capsys
):
    monkeypatch.setenv("HCLOUD_TOKEN", TOKEN)

    with hoster({}, status) as (url, seen):
        assert refresh(url) == 2

    said = capsys.readouterr().err
    assert words in said
    assert TOKEN not in said
    assert len(seen) == 1


def test_another_answer_than_a_price_list_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("HCLOUD_TOKEN", TOKEN)

    with hoster({"1": {"server_types": [{"cpu_type": "dedicated"}]}}) as (url, _):
        assert refresh(url) == 2

    assert "cannot read" in capsys.readouterr().err


def test_without_a_token_nothing_is_asked(monkeypatch, capsys):
    monkeypatch.delenv("HCLOUD_TOKEN", raising=False)

    assert refresh("http://127.0.0.1:9/v1") == 2
    assert "HCLOUD_TOKEN is not set" in capsys.readouterr().err


def test_a_token_never_goes_over_plain_http_to_another_machine(monkeypatch, capsys):
    monkeypatch.setenv("HCLOUD_TOKEN", TOKEN)

    assert refresh("http://prices.invalid/v1") == 2
    assert "not https" in capsys.readouterr().err
