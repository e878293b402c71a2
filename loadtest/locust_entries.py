"""What Locust's own statistics get: each report -> entries of its request table. Pure.

Locust keeps integers of what it calls response times. Waits are in its milliseconds;
jitter and RTT, which are often below one, are in microseconds, and loss is in
hundredths of a percent: the unit stands in each name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bots.errors import ClusterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line for Locust's table."""

    kind: str
    name: str
    value: float
    length_bytes: int = 0
    exception: Exception | None = None


def entries_of(report: Mapping[str, Any]) -> Iterator[Entry]:
    """Yield the entries of a report, given as a line of run.jsonl is."""
    match report["kind"]:
        case "join":
            yield from _join(report)
        case "milestone":
            yield _milestone(report)
        case "refusal":
            yield Entry(
                kind="refusal",
                name=report["what"],
                value=0.0,
                exception=_failure(report),
            )
        case "leave" if report["outcome"] != "left":
            yield Entry(
                kind="leave", name="dropped", value=0.0, exception=_failure(report)
            )
        case "stream":
            yield from _stream(report)


def _join(report: Mapping[str, Any]) -> Iterator[Entry]:
    phases = report.get("phases_s", {})
    for name, seconds in phases.items():
        yield Entry(kind="join phase", name=f"{name} (ms)", value=seconds * 1_000)
    joined = report["outcome"] == "joined"
    total_s = report.get("join_time_s")
    yield Entry(
        kind="join",
        name="join (ms)",
        value=1_000 * (sum(phases.values()) if total_s is None else total_s),
        exception=None if joined else _failure(report),
    )


def _milestone(report: Mapping[str, Any]) -> Entry:
    is_audio = report["media"] == "audio"
    wait_s = report.get("wait_s")
    return Entry(
        kind="first packet" if is_audio else "first frame",
        name=f"{report['media']} (ms)",
        value=1_000 * (wait_s or 0.0),
        exception=_failure(report) if wait_s is None else None,
    )


def _stream(report: Mapping[str, Any]) -> Iterator[Entry]:
    name = f"{report['media']} {report['direction']}"
    size = report.get("bytes", 0)
    jitter_s, rtt_s = report.get("jitter_s"), report.get("rtt_s")
    if jitter_s is not None:
        yield Entry(
            kind="media",
            name=f"{name} jitter (µs)",
            value=jitter_s * 1e6,
            length_bytes=size,
        )
    if rtt_s is not None:
        yield Entry(kind="media", name=f"{name} RTT (µs)", value=rtt_s * 1e6)
    expected = report.get("expected", 0)
    if report["direction"] == "in" and expected > 0:
        lost = max(0, report.get("lost", 0))
        yield Entry(
            kind="media", name=f"{name} loss (0.01 %)", value=1e4 * lost / expected
        )


def _failure(report: Mapping[str, Any]) -> ClusterError:
    words = [report["outcome"], report.get("code", "")]
    return ClusterError(" ".join(word for word in words if word))
