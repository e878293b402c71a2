"""Which limit of a node was met first, and what shows it. Pure.

A bound of the SLO says *that* a load was too much; this module says *what ran out*,
from what the first bad step measured beside the last good one:

    refusals by code          connection cap, UDP ports, join rate
    node CPU                  cpu
    a process at one core     one process
    bytes at the card's speed nic
    memory                    memory
    joins let in more slowly than they came, and nothing else broken on a calm node
                              join rate
    loss on all streams, and none of the above     path: never a limit of the node
    anything else on a calm node                   quality without cpu

The order is that of certainty: what the server says of itself comes before what is
concluded. Where nothing fits, nothing is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadtest.models import Limit, LimitMet, LoadPoint, Percentiles

CONNECTION_CODES: Final = ("connections_limit_exceeded", "1011")
"""bbb-graphql-middleware's, and its close code."""
PORT_CODES: Final = ("2002",)
"""MEDIA_SERVER_NO_RESOURCES of bbb-webrtc-sfu."""
RATE_CODES: Final = ("http 429",)
"""The middleware's answer to a connection too many in a second."""
JOIN_BOUNDS: Final = frozenset(
    {"join success", "join time", "first audio", "first camera"}
)
"""Bounds that speak of joining alone: who waits at the door gets no media either."""
LET_IN_MAX: Final = 0.8
"""Share of the joins asked for in a second below which those let in queue."""
CALM: Final = 0.5
"""Share of the node's cores below which CPU is not what broke the quality."""
PROCESS_FULL: Final = 0.9
"""Cores from which on a process that works in one thread has no more to give."""
NIC_FULL: Final = 0.85
"""Mean share of the card's speed from which on its peaks are cut."""
NIC_CUT: Final = 0.98
"""Share of the card's speed in one sample at which it drops packets."""
MEMORY_FULL: Final = 0.95
ALL_STREAMS: Final = 0.5
"""Loss hits all participants when the median has this share of the 95th percentile."""
LOSS_MIN: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """The limit met first, "" where nothing shows which, and its evidence."""

    limit: LimitMet
    evidence: tuple[str, ...]


def limit_met(bad: LoadPoint, broken: Sequence[Limit], first: Limit) -> Met:
    """Name what ran out at the first bad step.

    `broken` are the bounds that broke there; `first` is the one that was crossed first.
    """
    found: tuple[tuple[LimitMet, str], ...] = (
        ("connection cap", _refused(bad, CONNECTION_CODES)),
        ("udp ports", _refused(bad, PORT_CODES)),
        ("cpu", _cpu(bad) if first == "cpu" else ""),
        ("one process", _process(bad)),
        ("nic", _nic(bad)),
        ("memory", _memory(bad)),
        ("cpu", _cpu(bad) if "cpu" in broken else ""),
        ("join rate", _join_rate(bad, broken)),
    )
    for limit, evidence in found:
        if evidence:
            return Met(limit=limit, evidence=(evidence,))
    if bad.node_cpu_ratio is None or bad.node_cpu_ratio >= CALM:
        return Met(limit="", evidence=())
    calm = f"the node used {bad.node_cpu_ratio:.0%} of its CPU"
    lossy = _loses_everywhere(bad)
    if lossy:
        return Met(limit="path", evidence=(lossy, calm))
    named = ", ".join(each for each in broken if each)
    return Met(limit="quality without cpu", evidence=(f"{named} broke", calm))


def _refused(bad: LoadPoint, codes: Sequence[str]) -> str:
    count = sum(count for code, count in bad.refusals if code in codes)
    named = " or ".join(code for code, _ in bad.refusals if code in codes)
    return f"{count} refusals with {named}" if count else ""


def _join_rate(bad: LoadPoint, broken: Sequence[Limit]) -> str:
    """Say how slowly joins were let in, where they alone were slow, on a calm node."""
    if refused := _refused(bad, RATE_CODES):
        return refused
    asked, let_in = bad.join_rate_asked, bad.join_rate
    is_calm = bad.node_cpu_ratio is None or bad.node_cpu_ratio < CALM
    if asked is None or let_in is None or not is_calm or set(broken) - JOIN_BOUNDS:
        return ""
    if let_in > LET_IN_MAX * asked:
        return ""
    return f"{let_in:.3g} joins a second were let in, {asked:.3g} were asked for"


def _cpu(bad: LoadPoint) -> str:
    if bad.node_cpu_ratio is None or bad.node_cores is None:
        return ""
    return f"{bad.node_cpu_ratio:.0%} of {bad.node_cores:.3g} cores in use"


def _process(bad: LoadPoint) -> str:
    """A process at the end of one core, where the node has clearly more than one."""
    cores = bad.node_busiest_cores
    if cores is None or cores < PROCESS_FULL or (bad.node_cores or 0.0) < 1.5:
        return ""
    return f"{bad.node_busiest} used {cores:.2f} cores of {bad.node_cores:.3g}"


def _nic(bad: LoadPoint) -> str:
    if bad.nic_ratio is not None and bad.nic_ratio >= NIC_FULL:
        return f"the network card carried {bad.nic_ratio:.0%} of its speed"
    if bad.nic_ratio_most is not None and bad.nic_ratio_most >= NIC_CUT:
        return f"the network card carried {bad.nic_ratio_most:.0%} of its speed at most"
    return ""


def _memory(bad: LoadPoint) -> str:
    if bad.node_memory_ratio is None or bad.node_memory_ratio < MEMORY_FULL:
        return ""
    return f"{bad.node_memory_ratio:.0%} of the memory in use"


def _loses_everywhere(bad: LoadPoint) -> str:
    """Say that all streams of both media lose, where they do."""
    losses = [each for each in (bad.audio_loss, bad.video_loss) if each is not None]
    if not losses or not all(_hits_all(each) for each in losses):
        return ""
    if bad.video_loss is None and bad.video_out > 0:
        return ""
    said = " and ".join(f"{each.p50:.1%}" for each in losses)
    return f"every stream lost packets: median {said}"


def _hits_all(loss: Percentiles) -> bool:
    return loss.p50 >= LOSS_MIN and loss.p50 >= ALL_STREAMS * loss.p95
