"""Prometheus series -> Reading, whichever exporter wrote them. Pure.

One address may hold the series of several exporters, and whoever asks a Prometheus
server gets all of them at once: what is read depends on the names alone. Those are of
node_exporter, process-exporter (`namedprocess_namegroup_*`), cAdvisor
(`container_cpu_usage_seconds_total`), bigbluebutton-exporter, bbb-webrtc-sfu
(docs/metrics.md), graphql-middleware and, for its own process, every client library
(`process_cpu_seconds_total`).
"""

from collections.abc import Mapping
from typing import Final

from bots.errors import ConfigError
from loadtest.nodes import Labels, facts_in, parse_metrics, scrape_in
from loadtest.watching.reading import (
    ClockOffset,
    ProcessCpu,
    Processes,
    Reading,
    clock_offset,
)

Series = Mapping[str, list[tuple[Labels, float]]]

GROUP_CPU: Final = "namedprocess_namegroup_cpu_seconds_total"
GROUP_COUNT: Final = "namedprocess_namegroup_num_procs"
CONTAINER_CPU: Final = "container_cpu_usage_seconds_total"
OWN_CPU: Final = "process_cpu_seconds_total"
PARTICIPANTS: Final = "bbb_meetings_participants"
CONNECTIONS: Final = "http_connection_active"
NODE_TIME: Final = "node_time_seconds"
FIGURES: Final = (
    "bbb_meetings",
    "http_connection_active",
    "sfu_websockets",
    "sfu_audio_sessions",
    "sfu_audio_held_sessions",
    "sfu_video_sessions",
    "sfu_screenshare_sessions",
    "mcs_rooms",
    "mcs_users",
    "mcs_media_sessions",
    "mcs_media_units",
    "mediasoup_workers",
    "mediasoup_routers",
    "mediasoup_transports",
    "mediasoup_producers",
    "mediasoup_consumers",
    "mediasoup_worker_crashes",
    "mediasoup_transport_dtls_errors",
    "mediasoup_transport_ice_errors",
    "freeswitch_crashes",
)
"""Kept as they are told; several series of a name are added."""
WANTED: Final = (
    "node_cpu_seconds_total",
    "node_memory_MemTotal_bytes",
    "node_memory_MemAvailable_bytes",
    "node_network_receive_bytes_total",
    "node_network_transmit_bytes_total",
    "node_uname_info",
    "node_os_info",
    "node_dmi_info",
    "node_cpu_info",
    NODE_TIME,
    GROUP_CPU,
    GROUP_COUNT,
    CONTAINER_CPU,
    OWN_CPU,
    PARTICIPANTS,
    "bbbload_stand_in",
    "bbbload_fact",
    *FIGURES,
)
"""All names that are read: what is asked of a Prometheus server."""


def read_text(
    text: str, elapsed_s: float, asked_s: float, answered_s: float
) -> Reading:
    """Return what an exporter's text says; `asked_s` and `answered_s` are Unix time.

    Raises ConfigError for a text without any series that is known.
    """
    series = parse_metrics(text)
    told = _first(series, NODE_TIME)
    return read_series(
        series,
        elapsed_s,
        clock=None if told is None else clock_offset(asked_s, told, answered_s),
    )


def read_series(
    series: Series,
    elapsed_s: float,
    *,
    processes_s: float | None = None,
    clock: ClockOffset | None = None,
) -> Reading:
    """Return what series by name say; `processes_s` is when processes were counted.

    Raises ConfigError where none is known.
    """
    if not any(name in series for name in WANTED):
        raise ConfigError(
            "there are no metrics that bbbload knows: give the address of a "
            "node_exporter, such as http://NODE:9100/metrics, or of another exporter "
            "of the node"
        )
    # The same process may be in all three: the finest that is there counts.
    whole = _groups(series) or _containers(series)
    cpu = whole or _own(series)
    at_s = elapsed_s if processes_s is None else processes_s
    return Reading(
        machine=scrape_in(series, elapsed_s),
        processes=(
            Processes(elapsed_s=at_s, cpu=cpu, is_whole=bool(whole)) if cpu else None
        ),
        participants=_whole(_first(series, PARTICIPANTS)),
        connections=_whole(_sum(series, CONNECTIONS)),
        figures=tuple(
            (name, total)
            for name in FIGURES
            if (total := _sum(series, name)) is not None
        ),
        facts=facts_in(series),
        clock=clock,
        is_stand_in=_first(series, "bbbload_stand_in") == 1,
    )


def _groups(series: Series) -> tuple[ProcessCpu, ...]:
    counts = {
        dict(labels).get("groupname", ""): int(value)
        for labels, value in series.get(GROUP_COUNT, [])
    }
    used: dict[str, float] = {}
    for labels, value in series.get(GROUP_CPU, []):
        name = dict(labels).get("groupname", "")
        used[name] = used.get(name, 0.0) + value
    return tuple(
        ProcessCpu(
            key=f"group {name}", name=name, cpu_s=cpu_s, processes=counts.get(name, 1)
        )
        for name, cpu_s in used.items()
        if counts.get(name, 1) > 0
    )


def _containers(series: Series) -> tuple[ProcessCpu, ...]:
    """Read cAdvisor: containers by name, and services by their control group.

    Slices and the root hold what is below them: they would count it twice.
    """
    found: dict[str, float] = {}
    for labels, value in series.get(CONTAINER_CPU, []):
        told = dict(labels)
        path = told.get("id", "")
        leaf = path.rpartition("/")[2]
        name = told.get("name") or told.get("container") or leaf
        is_service = leaf.endswith((".service", ".scope"))
        if not name or not (told.get("name") or told.get("container") or is_service):
            continue
        if told.get("cpu", "total") in ("total", ""):
            found[f"{path} {name}"] = found.get(f"{path} {name}", 0.0) + value
    return tuple(
        ProcessCpu(key=f"container {key}", name=key.rpartition(" ")[2], cpu_s=cpu_s)
        for key, cpu_s in found.items()
    )


def _own(series: Series) -> tuple[ProcessCpu, ...]:
    """Read the process that serves the metrics, where its other series name it."""
    name = ""
    if any(found.startswith(("sfu_", "mcs_")) for found in series):
        name = "bbb-webrtc-sfu"
    elif CONNECTIONS in series and "bbbload_stand_in" not in series:
        name = "bbb-graphql-middleware"
    if not name:
        return ()
    return tuple(
        ProcessCpu(key=f"own {labels}", name=name, cpu_s=value)
        for labels, value in series.get(OWN_CPU, [])
        if not _is_an_exporters(dict(labels))
    )


def _is_an_exporters(labels: Mapping[str, str]) -> bool:
    """Say whether a Prometheus server's label names another exporter's own process."""
    return "exporter" in labels.get("job", "") or labels.get("job") == "node"


def _first(series: Series, name: str) -> float | None:
    found = series.get(name)
    return found[0][1] if found else None


def _sum(series: Series, name: str) -> float | None:
    found = series.get(name)
    return sum(value for _, value in found) if found else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
