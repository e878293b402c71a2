"""What the node's `/metrics` says, in Prometheus' text format.

Two families: the machine's, in node_exporter's names but counted for this one process
against its budgets, and the meetings', in bigbluebutton-exporter's names.
"""

import resource
from collections.abc import Iterable, Sequence

from loadtest.node.effort import CpuUse
from loadtest.node.state import Node
from loadtest.node.uplink import Uplink

PARTICIPANT_BUCKETS = (*(0, 1, 5, 15, 30, 60, 90, 120, 150, 200, 250, 300, 400, 500),)
VOICE_BUCKETS = (0, 1, 5, 15, 30, 60, 90, 120)


def machine_metrics(
    *,
    cpu: CpuUse,
    resident_bytes: int,
    memory_budget_bytes: int,
    received_bytes: int,
    sent_bytes: int,
    graphql_connections: int,
    idle_cores: int = 0,
    uplink: Uplink | None = None,
    units: float = 0.0,
    consumers: int = 0,
) -> list[str]:
    """Return the lines about CPU, memory and media traffic of the process.

    `idle_cores` are further processors that the process cannot use, and do nothing.
    """
    available = max(0, memory_budget_bytes - resident_bytes)
    device = '{device="media"}'
    return [
        *_head("bbbload_stand_in", "gauge", "This is bbbload's stand-in, not BBB."),
        "bbbload_stand_in 1",
        *_head("node_cpu_seconds_total", "counter", "CPU time of this process."),
        f'node_cpu_seconds_total{{cpu="0",mode="idle"}} {cpu.idle_s:.6f}',
        f'node_cpu_seconds_total{{cpu="0",mode="system"}} {cpu.system_s:.6f}',
        f'node_cpu_seconds_total{{cpu="0",mode="user"}} {cpu.user_s:.6f}',
        *(
            f'node_cpu_seconds_total{{cpu="{core}",mode="idle"}} {cpu.wall_s:.6f}'
            for core in range(1, idle_cores + 1)
        ),
        *_process_group(cpu),
        *_head("process_cpu_seconds_total", "counter", "User and system CPU time."),
        f"process_cpu_seconds_total {cpu.user_s + cpu.system_s:.6f}",
        *_head("process_resident_memory_bytes", "gauge", "Resident memory."),
        f"process_resident_memory_bytes {resident_bytes}",
        *_head("node_memory_MemTotal_bytes", "gauge", "The memory budget."),
        f"node_memory_MemTotal_bytes {memory_budget_bytes}",
        *_head("node_memory_MemAvailable_bytes", "gauge", "Budget less resident."),
        f"node_memory_MemAvailable_bytes {available}",
        *_head("node_network_receive_bytes_total", "counter", "At media sockets."),
        f"node_network_receive_bytes_total{device} {received_bytes}",
        *_head("node_network_transmit_bytes_total", "counter", "At media sockets."),
        f"node_network_transmit_bytes_total{device} {sent_bytes}",
        *_network_card(uplink, device),
        *_head("bbbload_work_units_total", "counter", "Work, in units of 10 us."),
        f"bbbload_work_units_total {units:.1f}",
        *_head("mediasoup_consumers", "gauge", "Streams sent, as BBB's SFU tells."),
        f"mediasoup_consumers {consumers}",
        *_head("http_connection_active", "gauge", "Open GraphQL connections."),
        f"http_connection_active {graphql_connections}",
    ]


def meeting_metrics(node: Node, *, version: str) -> list[str]:
    """Return the lines about meetings, by bigbluebutton-exporter's names.

    A microphone counts as a voice participant, a passive listener as a listener.
    """
    meetings = [meeting for meeting in node.meetings.values() if not meeting.ended]
    sizes, listeners, voices, videos = [], [], [], []
    clients: dict[str, int] = {}
    for meeting in meetings:
        users = list(meeting.present())
        heard = [user.voice for user in users if user.voice is not None]
        sizes.append(len(users))
        listeners.append(sum(voice.listen_only for voice in heard))
        voices.append(sum(not voice.listen_only for voice in heard))
        videos.append(len(meeting.cameras()))
        for user in users:
            kind = (user.client_type or "").lower()
            clients[kind] = clients.get(kind, 0) + 1
    gauges = {
        "bbb_meetings": len(meetings),
        "bbb_meetings_participants": sum(sizes),
        "bbb_meetings_participants_max": max(sizes, default=0),
        "bbb_meetings_listeners": sum(listeners),
        "bbb_meetings_voice_participants": sum(voices),
        "bbb_meetings_video_participants": sum(videos),
        "bbb_api_up": 1,
    }
    lines: list[str] = []
    for name, value in gauges.items():
        lines += [*_head(name, "gauge", name.replace("_", " ")), f"{name} {value}"]
    lines += _head("bbb_meetings_participant_clients", "gauge", "By client type.")
    lines += [
        f'bbb_meetings_participant_clients{{type="{kind}"}} {count}'
        for kind, count in sorted(clients.items())
    ]
    lines += _head("bbb_version", "gauge", "Version that the node claims.")
    lines.append(f'bbb_version{{version="{version}"}} 1')
    lines += _head("bbb_unique_meetings_total", "counter", "Meetings created.")
    lines.append(f"bbb_unique_meetings_total {node.meetings_created}")
    lines += _histogram("bbb_room_participants", PARTICIPANT_BUCKETS, sizes)
    lines += _histogram("bbb_room_listeners", PARTICIPANT_BUCKETS, listeners)
    lines += _histogram("bbb_room_voice_participants", VOICE_BUCKETS, voices)
    lines += _histogram("bbb_room_video_participants", VOICE_BUCKETS, videos)
    return lines


def resident_memory_bytes() -> int:
    """Return the resident memory of this process (Linux: /proc/self/statm)."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def _process_group(cpu: CpuUse) -> list[str]:
    """Return this one process as process-exporter tells the SFU worker it plays."""
    group = '{groupname="mediasoup-worker"'
    return [
        *_head("namedprocess_namegroup_num_procs", "gauge", "Processes."),
        f"namedprocess_namegroup_num_procs{group}}} 1",
        *_head("namedprocess_namegroup_cpu_seconds_total", "counter", "CPU time."),
        f'namedprocess_namegroup_cpu_seconds_total{group},mode="user"}} '
        f"{cpu.user_s:.6f}",
        f'namedprocess_namegroup_cpu_seconds_total{group},mode="system"}} '
        f"{cpu.system_s:.6f}",
    ]


def _network_card(uplink: Uplink | None, device: str) -> list[str]:
    if uplink is None:
        return []
    return [
        *_head("node_network_speed_bytes", "gauge", "Speed of the network card."),
        f"node_network_speed_bytes{device} {uplink.bps / 8:.0f}",
        *_head("node_network_transmit_drop_total", "counter", "Too fast for it."),
        f"node_network_transmit_drop_total{device} {uplink.dropped_packets}",
        *_head("bbbload_network_dropped_bytes_total", "counter", "The same in bytes."),
        f"bbbload_network_dropped_bytes_total {uplink.dropped_bytes}",
    ]


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _histogram(name: str, buckets: Sequence[int], values: Iterable[int]) -> list[str]:
    """Write a gauge histogram: cumulative buckets, `_gcount` and `_gsum`.

    The text format 0.0.4 knows no such type and Prometheus refuses a page that names
    it: as Python's prometheus_client does, buckets go as a histogram, both sums as
    gauges.
    """
    values = list(values)
    lines = list(_head(name, "histogram", "Meetings by size."))
    for bound in buckets:
        count = sum(value <= bound for value in values)
        lines.append(f'{name}_bucket{{le="{float(bound)}"}} {count}')
    lines.append(f'{name}_bucket{{le="+Inf"}} {len(values)}')
    for suffix, value in (("gcount", len(values)), ("gsum", sum(values))):
        lines += _head(f"{name}_{suffix}", "gauge", "Meetings by size.")
        lines.append(f"{name}_{suffix} {value}")
    return lines
