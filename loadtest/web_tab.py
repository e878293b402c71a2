"""The tab of ours in Locust's web UI: media quality and node state, step by step.

Locust's page draws what `extended_tabs` and `extended_tables` of its template
arguments name, with the rows that each answer of `/stats/requests` brings along as
`extended_stats` (Locust's own example `extend_web_ui.py`).
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from loadtest.ascents import Finished
from loadtest.models import LoadPoint, Percentiles, SloVerdict

KEY: Final = "bbbload"
TITLE: Final = "Media and nodes"
COLUMNS: Final = (
    ("step", "Step"),
    ("population", "Participants"),
    ("slo", "SLO"),
    ("joins", "Joins"),
    ("join_p95", "Join p95"),
    ("first_audio_p95", "First audio p95"),
    ("first_camera_p95", "First camera p95"),
    ("audio_loss_p95", "Audio loss p95"),
    ("video_loss_p95", "Video loss p95"),
    ("frozen_p95", "Frozen p95"),
    ("traffic", "Received / sent"),
    ("node_cpu", "Node CPU"),
    ("generator", "Generator"),
)
"""(key, title) in the order of the page."""


def rows_of(finished: Iterable[Finished]) -> list[dict[str, str]]:
    """Return the rows of the table, the latest step first. Pure."""
    rows = [_row(point, verdict) for point, verdict in finished]
    return rows[::-1]


def add_tab(web_ui: Any, finished: Callable[[], Iterable[Finished]]) -> None:
    """Give Locust's web UI our tab; `finished` tells the steps so far."""
    structure = [{"key": key, "title": title} for key, title in COLUMNS]
    web_ui.template_args |= {
        "extended_tabs": [{"title": TITLE, "key": KEY}],
        "extended_tables": [{"key": KEY, "structure": structure}],
    }

    @web_ui.app.after_request  # type: ignore[untyped-decorator]
    def bring_rows(response: Any) -> Any:
        plain = response.get_json(silent=True) if response.is_json else None
        # Of all answers only /stats/requests holds these two.
        if isinstance(plain, dict) and "stats" in plain and "user_count" in plain:
            data = rows_of(finished())
            more = {"extended_stats": [{"key": KEY, "data": data}]}
            response.set_data(web_ui.app.json.dumps({**plain, **more}))
        return response


def _row(point: LoadPoint, verdict: SloVerdict) -> dict[str, str]:
    broken = ", ".join(verdict.broken)
    kept = "kept" if verdict.met else f"missed: {broken}"
    return {
        "step": f"{point.step + 1}, {point.profile}",
        "population": f"{point.present:.0f} of {point.participants}",
        "slo": kept if verdict.generator_fit else "not judged: generator unfit",
        "joins": f"{point.joins}, {_percent(point.join_success)} well",
        "join_p95": _seconds(point.join_time_s),
        "first_audio_p95": _seconds(point.first_audio_s),
        "first_camera_p95": _seconds(point.first_camera_s),
        "audio_loss_p95": _percent(_p95(point.audio_loss)),
        "video_loss_p95": _percent(_p95(point.video_loss)),
        "frozen_p95": _percent(_p95(point.frozen)),
        "traffic": f"{point.received_bps / 1e6:.1f} / "
        f"{point.sent_bps / 1e6:.1f} Mbit/s",
        "node_cpu": _percent(point.node_cpu_ratio),
        "generator": f"{100 * point.engine_cpu_max:.0f} % of a core, "
        f"lag {1000 * point.engine_lag_max_s:.0f} ms, {point.late_packets} late",
    }


def _p95(found: Percentiles | None) -> float | None:
    return None if found is None else found.p95


def _seconds(found: Percentiles | None) -> str:
    return "–" if found is None else f"{found.p95:.1f} s"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
