"""A Prometheus server's API -> the past of each node, load beside CPU.

Load comes from bigbluebutton-exporter, CPU from node_exporter, by role from
process-exporter, streams from bbb-webrtc-sfu's `mediasoup_consumers`. They listen on
different ports, so a node is the host of `instance`. Load is averaged over each bin,
as CPU is: a maximum of one beside a mean of the other would bend every cost. A bin in
which one of the needed series is missing is left out, never filled. Recordings are
worked on when nobody is there, and their CPU would pass for that of an idle node: it is
taken out by role, or else the bins in which the exporter tells of such work are.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bots.errors import ConfigError
from loadtest.watching.roles import kind_of
from planning.history.prometheus import DAY_S, LONGEST_DAYS, ORIGIN, Fetch, chunks
from planning.observed.models import NodePast

NEEDED = ("participants", "voice", "cameras")
USUAL = 0.9
"""A series that is there in fewer of the bins is not used; in more, the bins without it
are left out."""
LEAST_BINS = 50

_GAUGE = "max by (instance) (avg_over_time({name}[{step}s]))"
_LOADS = (
    ("participants", _GAUGE.replace("{name}", "bbb_meetings_participants")),
    ("voice", _GAUGE.replace("{name}", "bbb_meetings_voice_participants")),
    ("cameras", _GAUGE.replace("{name}", "bbb_meetings_video_participants")),
    ("listeners", _GAUGE.replace("{name}", "bbb_meetings_listeners")),
    ("meetings", _GAUGE.replace("{name}", "bbb_meetings")),
    (
        "streams",
        "max by (instance) (sum by (instance, job) "
        "(avg_over_time(mediasoup_consumers[{step}s])))",
    ),
)
_CPU = (
    "max by (instance) (sum by (instance, job) (rate(node_cpu_seconds_total"
    '{mode!~"idle|iowait|guest|guest_nice"}[{step}s])))'
)
_CORES = (
    'max by (instance) (count by (instance, job) (node_cpu_seconds_total{mode="idle"}))'
)
_GROUPS = (
    "max by (instance, groupname) (sum by (instance, job, groupname) "
    "(rate(namedprocess_namegroup_cpu_seconds_total[{step}s])))"
)
_OWN = (
    "max by (instance) (sum by (instance, job) (max_over_time("
    'bbb_meetings_participants_origin{name="' + ORIGIN + '"}[{step}s])))'
)
_RECORDINGS = "max by (instance) (max_over_time(bbb_recordings_processing[{step}s]))"

Column = dict[int, float]
ByNode = dict[str, Column]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which time is read, in which bins."""

    starts_s: int
    ends_s: int
    step_s: int = 300


def host_of(instance: str) -> str:
    """Return the host of an `instance` label.

    >>> host_of("bbb1.example.org:9100"), host_of("[2001:db8::1]:9100")
    ('bbb1.example.org', '2001:db8::1')
    """
    if instance.startswith("["):
        return instance[1:].partition("]")[0]
    return instance.partition(":")[0] if instance.count(":") == 1 else instance


def read_nodes(
    span: Span,
    fetch: Fetch,
    *,
    wanted: Iterable[str] = (),
    keep_own_tests: bool = False,
) -> tuple[NodePast, ...]:
    """Return the past of each node, or of those `wanted`, in the order of their names.

    Times of our own load tests are left out: their participants are no people. Raises
    ConfigError when a series that is needed is missing, naming it.
    """
    if not 0 < span.ends_s - span.starts_s <= LONGEST_DAYS * DAY_S:
        raise ConfigError(
            f"the range to read must be longer than nothing and up to {LONGEST_DAYS} "
            "days: check --since and --until"
        )
    loads = {
        name: _by_node(query, span, fetch, sum_ports=name == "streams")
        for name, query in _LOADS
    }
    machines = _by_node(_CPU, span, fetch)
    nodes = _nodes(loads["participants"], machines, {host_of(one) for one in wanted})
    cores = _by_node(_CORES, span, fetch)
    recordings = _by_node(_RECORDINGS, span, fetch)
    own = {} if keep_own_tests else _by_node(_OWN, span, fetch)
    roles = _roles(span, fetch)
    past = []
    for node in nodes:
        found = {name: column.get(node, {}) for name, column in loads.items()}
        past.append(
            _past(
                node,
                span,
                loads=found,
                cpu={"node": machines[node], **roles.get(node, {})},
                cores=max(cores.get(node, {}).values(), default=None),
                own=own.get(node, {}),
                recordings=recordings.get(node, {}),
            )
        )
    return tuple(past)


def _past(
    node: str,
    span: Span,
    *,
    loads: dict[str, Column],
    cpu: dict[str, Column],
    cores: float | None,
    own: Column,
    recordings: Column,
) -> NodePast:
    missing = [name for name in NEEDED if not loads[name]]
    if missing:
        raise ConfigError(
            f"node {node} has no series of {', '.join(missing)} in that range: they "
            "come from bigbluebutton-exporter (bbb_meetings_…)"
        )
    times = set(cpu["node"]).intersection(*(loads[name] for name in NEEDED))
    tested = {time_s for time_s in times if own.get(time_s, 0.0) > 0}
    times -= tested
    used = {name: loads[name] for name in NEEDED}
    extra = {name: loads[name] for name in loads if name not in NEEDED}
    whole = {"node": cpu["node"]}
    roles = {name: column for name, column in cpu.items() if name != "node"}
    notes = []
    if tested:
        hours = len(tested) * span.step_s / 3600
        notes.append(f"{hours:.1f} hours of our own load tests were left out")
    for columns, kept in ((extra, used), (roles, whole)):
        for name, column in columns.items():
            there = times & set(column)
            if times and len(there) >= USUAL * len(times):
                kept[name] = column
                times = there
            elif there:
                notes.append(
                    f"{name} is known in {len(there) / len(times):.0%} of the time: "
                    "not used"
                )
    if "recording" not in whole:
        calm = {time_s for time_s in times if not recordings.get(time_s)}
        hours = (len(times) - len(calm)) * span.step_s / 3600
        if len(calm) < max(LEAST_BINS, len(times) / 2):
            notes.append(
                f"recordings were worked on in {hours:.1f} hours, too many to leave "
                "out: their CPU is in these figures; watch it with process-exporter"
            )
        elif hours:
            times = calm
            notes.append(
                f"{hours:.1f} hours in which recordings were worked on were left out"
            )
    if len(times) < LEAST_BINS:
        raise ConfigError(
            f"node {node} has {len(times)} times of {span.step_s} s at which load and "
            f"CPU are known, {LEAST_BINS} are needed: check --since (Prometheus keeps "
            "15 days unless it is told otherwise) and that it scrapes at least twice "
            "in that time"
        )
    order = tuple(sorted(times))
    return NodePast(
        node=node,
        times_s=order,
        step_s=span.step_s,
        cores=cores,
        loads=tuple(
            (name, tuple(col[at] for at in order)) for name, col in used.items()
        ),
        cpu=tuple(
            (name, tuple(col[at] for at in order)) for name, col in whole.items()
        ),
        notes=tuple(notes),
    )


def _nodes(people: ByNode, machines: ByNode, wanted: set[str]) -> list[str]:
    """Return the nodes that have both load and CPU, or say what is missing."""
    if not people:
        raise ConfigError(
            "no series of bbb_meetings_participants in that range: check --since, and "
            "that the server scrapes bigbluebutton-exporter; Prometheus keeps 15 days "
            "unless it is told otherwise"
        )
    both = sorted(people.keys() & machines.keys())
    unknown = sorted(wanted - set(both))
    if unknown:
        raise ConfigError(
            f"--instance {unknown[0]} has no participants and CPU in that range; "
            f"there are: {', '.join(both) or 'none'}"
        )
    if not both:
        raise ConfigError(
            f"participants are known of {', '.join(sorted(people))}, CPU "
            f"(node_cpu_seconds_total) of {', '.join(sorted(machines)) or 'no node'}: "
            "scrape node_exporter under the same host in `instance`"
        )
    return sorted(wanted) if wanted else both


def _roles(span: Span, fetch: Fetch) -> dict[str, ByNode]:
    """Return by node and role; a group that did not run in a bin used nothing."""
    found: dict[str, ByNode] = {}
    # Many groups on many nodes: a day at a time keeps an answer small.
    for first in range(span.starts_s, span.ends_s, DAY_S):
        day = Span(
            starts_s=first, ends_s=min(first + DAY_S, span.ends_s), step_s=span.step_s
        )
        for labels, at_s, value in _samples(_GROUPS, day, fetch):
            node = found.setdefault(host_of(labels.get("instance", "")), {})
            role = kind_of(labels.get("groupname", "")).role
            column = node.setdefault(role, {})
            column[at_s] = column.get(at_s, 0.0) + value
    for node in found.values():
        times = {at_s for column in node.values() for at_s in column}
        for column in node.values():
            for at_s in times:
                column.setdefault(at_s, 0.0)
    return found


def _by_node(
    query: str, span: Span, fetch: Fetch, *, sum_ports: bool = False
) -> ByNode:
    """Return a column for each host; of several ports the larger value, or the sum."""
    combine: Callable[[float, float], float] = max
    if sum_ports:
        combine = float.__add__
    found: ByNode = {}
    for labels, at_s, value in _samples(query, span, fetch):
        column = found.setdefault(host_of(labels.get("instance", "")), {})
        column[at_s] = combine(column[at_s], value) if at_s in column else value
    return found


def _samples(
    query: str, span: Span, fetch: Fetch
) -> Iterator[tuple[dict[str, str], int, float]]:
    """Yield (labels, bin start, value); what is no number is left out."""
    asked = query.replace("{step}", str(span.step_s))
    for first, last in chunks(span.starts_s, span.ends_s, span.step_s):
        data = fetch(
            "/api/v1/query_range",
            {
                "query": asked,
                "start": str(first),
                "end": str(last),
                "step": str(span.step_s),
            },
        )
        for series in data["result"]:
            for moment, text in series["values"]:
                value = float(text)
                if value - value == 0.0:  # neither NaN nor infinite
                    yield series["metric"], int(moment) - span.step_s, value
