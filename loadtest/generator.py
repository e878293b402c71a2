"""What a load needs of the machine that makes it, and whether that is there. Pure.

The costs are those that `make bench` measured (tests/benchmarks/RESULTS.md), rounded
up: CPU of one engine in seconds a second for each stream, without what a participant's
signalling takes. Another machine's cores differ: the run itself proves that the
generator kept up.
"""

import math
from dataclasses import dataclass
from typing import Final

from loadtest.machine import Machine
from loadtest.streams import Streams

CORES_CAMERA_SEEN: Final = 0.00080
CORES_CAMERA_SENT: Final = 0.0010
CORES_AUDIO_HEARD: Final = 0.0010
CORES_AUDIO_SENT: Final = 0.0014
CORES_SCREEN_SEEN: Final = 0.0040
"""Taken as five cameras: about as many packets a second."""
CORES_SCREEN_SENT: Final = 0.0050
CORES_PARTICIPANT: Final = 0.0010
"""Signalling, connection checks, reports."""
FIT_SHARE: Final = 0.7
"""Share of a core above which an engine takes no more participants (bots.gate)."""
MEMORY_PARTICIPANT_BYTES: Final = 1_500_000
MEMORY_ENGINE_BYTES: Final = 150_000_000
"""One engine and its Locust worker with nobody in."""
DESCRIPTORS_PARTICIPANT: Final = 4
"""GraphQL, and the signalling sockets of audio, cameras and screen."""
DESCRIPTORS_ENGINE: Final = 200

RTP_OVERHEAD_BYTES: Final = 50
"""IPv4 20, UDP 8, RTP 12, SRTP tag 10."""
AUDIO_BPS: Final = 8 * 50 * (80 + RTP_OVERHEAD_BYTES)
"""50 packets a second of our speech clip's Opus, about 80 bytes each."""
CAMERA_BPS: Final = 200_000 + 8 * 30 * RTP_OVERHEAD_BYTES
SCREEN_BPS: Final = 1_500_000 + 8 * 170 * RTP_OVERHEAD_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a population needs of its generator."""

    cores: float
    engines: int
    memory_bytes: int
    descriptors: int
    """Of one engine, when participants are spread evenly."""
    udp_ports: int
    sent_bps: float
    """From the generator to the node, IP packets of media."""
    received_bps: float


def traffic_of(streams: Streams) -> tuple[float, float]:
    """Return (sent, received) bit/s of the generator; the node's `in` is our sending.

    Microphones send speech or, in silence, far less: what is given is the most.
    """
    sent = (
        AUDIO_BPS * streams.audio_in
        + CAMERA_BPS * streams.video_in
        + SCREEN_BPS * streams.screen_in
    )
    received = (
        AUDIO_BPS * streams.audio_out
        + CAMERA_BPS * streams.video_out
        + SCREEN_BPS * streams.screen_out
    )
    return float(sent), float(received)


def needs_of(streams: Streams) -> Needs:
    """Return what a population with these streams needs."""
    cores = (
        CORES_PARTICIPANT * streams.participants
        + CORES_AUDIO_SENT * streams.audio_in
        + CORES_AUDIO_HEARD * streams.audio_out
        + CORES_CAMERA_SENT * streams.video_in
        + CORES_CAMERA_SEEN * streams.video_out
        + CORES_SCREEN_SENT * streams.screen_in
        + CORES_SCREEN_SEEN * streams.screen_out
    ) / FIT_SHARE
    engines = max(1, math.ceil(cores - 1e-9))
    # Audio is one transport both ways; every camera and screen has one of its own.
    transports = max(streams.audio_in, streams.audio_out) + (
        streams.video_in + streams.video_out + streams.screen_in + streams.screen_out
    )
    sockets = transports + DESCRIPTORS_PARTICIPANT * streams.participants
    sent, received = traffic_of(streams)
    return Needs(
        cores=cores,
        engines=engines,
        memory_bytes=MEMORY_ENGINE_BYTES * engines
        + MEMORY_PARTICIPANT_BYTES * streams.participants,
        descriptors=DESCRIPTORS_ENGINE + math.ceil(sockets / engines),
        udp_ports=transports,
        sent_bps=sent,
        received_bps=received,
    )


def shortfalls(needs: Needs, machine: Machine) -> tuple[str, ...]:
    """Return one sentence for each limit of the machine that is too small."""
    found = []
    if needs.cores > machine.cores:
        found.append(
            f"{needs.cores:.1f} cores are needed and {machine.cores:.1f} are here: use "
            f"a machine of {math.ceil(needs.cores)} cores, or more workers elsewhere"
        )
    if machine.memory_bytes is not None and needs.memory_bytes > machine.memory_bytes:
        found.append(
            f"{_gb(needs.memory_bytes)} of memory are needed and "
            f"{_gb(machine.memory_bytes)} are free: use a machine with more"
        )
    if machine.descriptors is not None and needs.descriptors > machine.descriptors:
        found.append(
            f"{needs.descriptors} files may be open in an engine and the limit is "
            f"{machine.descriptors}: raise it (ulimit -Hn {needs.descriptors})"
        )
    if machine.udp_ports is not None and needs.udp_ports > machine.udp_ports:
        found.append(
            f"{needs.udp_ports} UDP ports are needed and {machine.udp_ports} are here: "
            "widen net.ipv4.ip_local_port_range, or use more machines"
        )
    if (
        machine.conntrack_free is not None
        and needs.udp_ports + needs.descriptors > machine.conntrack_free
    ):
        found.append(
            f"about {needs.udp_ports + needs.descriptors} tracked connections are "
            f"needed and {machine.conntrack_free} are free: raise "
            "net.netfilter.nf_conntrack_max"
        )
    most_bps = max(needs.sent_bps, needs.received_bps)
    if machine.uplink_bps is not None and most_bps > 0.8 * machine.uplink_bps:
        found.append(
            f"{most_bps / 1e6:.0f} Mbit/s one way are needed and the card does "
            f"{machine.uplink_bps / 1e6:.0f}: use one of "
            f"{math.ceil(most_bps / 0.8 / 1e9)} Gbit/s, or more machines"
        )
    return tuple(found)


def _gb(size_bytes: float) -> str:
    return f"{size_bytes / 1e9:.1f} GB"
