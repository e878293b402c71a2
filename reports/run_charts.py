"""RunResult -> charts of a run's course. A gap in a measure is drawn as a gap."""

from collections.abc import Callable

from loadtest.models import StepRecord
from loadtest.results import RunResult, TimelineBin
from reports import format as written
from reports.document import Band, Chart, Limit, Line, Mark, Span, Unit

Measure = Callable[[TimelineBin], float | None]


def participants(run: RunResult) -> Chart:
    """Draw who was present, and what each step asked for."""
    asked_x: list[float] = []
    asked_y: list[float | None] = []
    for place, step in enumerate(run.steps):
        asked_x += (step.elapsed_s, _step_end(run, place))
        asked_y += (float(step.participants), float(step.participants))
    return _chart(
        run,
        "Participants",
        "participants",
        "",
        (
            Line(
                name="asked for",
                x=tuple(asked_x),
                y=tuple(asked_y),
                is_dashed=True,
                color=1,
            ),
            _line(run, "present", lambda moment: float(moment.present), color=0),
        ),
        note="Here and below, white and grey stripes are the steps.",
    )


def joins(run: RunResult) -> Chart:
    """Draw how long joins took, and the bound of the SLO."""
    return _chart(
        run,
        "Join time",
        "join time",
        "s",
        (
            Band(
                name="half of the joins to 95 of 100",
                x=_middles(run),
                low=tuple(moment.join_time_p50_s for moment in run.bins),
                high=tuple(moment.join_time_p95_s for moment in run.bins),
                color=0,
            ),
            _line(run, "p95", lambda moment: moment.join_time_p95_s, color=0),
            *_limit(run.header.slo.join_time_p95_max_s, written.seconds),
        ),
    )


def loss(run: RunResult) -> Chart:
    """Draw packet loss of what participants received."""
    slo = run.header.slo
    return _chart(
        run,
        "Packet loss",
        "lost packets",
        "ratio",
        (
            _line(run, "audio", lambda moment: moment.audio_loss, color=0),
            _line(run, "video", lambda moment: moment.video_loss, color=1),
            *_limit(slo.audio_loss_p95_max, written.percent, "audio "),
            *_limit(slo.video_loss_p95_max, written.percent, "video "),
        ),
        note="The SLO bounds the p95 over participants; this is the loss of all.",
    )


def jitter(run: RunResult) -> Chart:
    """Draw jitter and round-trip time."""
    return _chart(
        run,
        "Jitter and round-trip time",
        "p95 over streams",
        "s",
        (
            _line(run, "jitter", lambda moment: moment.jitter_p95_s, color=0),
            _line(run, "round-trip time", lambda moment: moment.rtt_p95_s, color=2),
        ),
    )


def freezes(run: RunResult) -> Chart:
    """Draw the share of viewing time in which cameras stood still."""
    return _chart(
        run,
        "Frozen video",
        "frozen share of viewing time",
        "ratio",
        (
            _line(run, "all cameras seen", lambda moment: moment.frozen, color=3),
            *_limit(run.header.slo.frozen_p95_max, written.percent),
        ),
    )


def bit_rates(run: RunResult) -> Chart:
    """Draw what participants sent and received."""
    return _chart(
        run,
        "Media sent and received by participants",
        "RTP bits per second",
        "bps",
        (
            _line(run, "video received", lambda it: it.video_received_bps, color=1),
            _line(run, "audio received", lambda it: it.audio_received_bps, color=0),
            _line(run, "video sent", lambda it: it.video_sent_bps, color=2),
            _line(run, "audio sent", lambda it: it.audio_sent_bps, color=4),
        ),
    )


def node_cpu(run: RunResult) -> Chart:
    """Draw the CPU of each watched node against the SLO; a missed scrape is a gap."""
    return _chart(
        run,
        "Node CPU",
        "share of the node's cores",
        "ratio",
        (
            *(
                _line(run, name, _node_measure(name, "cpu"), color=place)
                for place, name in enumerate(node_names(run))
            ),
            *_limit(run.header.slo.node_cpu_max, written.percent),
        ),
    )


def node_roles(run: RunResult, name: str) -> Chart:
    """Draw the cores that each role of a node used, its busiest process and steal."""
    groups = dict.fromkeys(
        group
        for moment in run.bins
        for node in moment.nodes
        if node.node == name
        for group, _ in node.cpu_cores
        if group != "node"
    )
    return _chart(
        run,
        f"CPU by role: {name}",
        "cores in use",
        "",
        (
            *(
                _line(run, group, _group_measure(name, group), color=place)
                for place, group in enumerate(groups)
            ),
            _line(
                run,
                "busiest process",
                lambda moment: next(
                    (it.busiest_cores for it in moment.nodes if it.node == name), None
                ),
                color=len(groups),
            ),
        ),
        note="Steal is what the machine below gave to others. A worker that does its "
        "work in one thread ends at one core, however many are idle.",
    )


def has_roles(run: RunResult, name: str) -> bool:
    """Say whether the processes of a node were ever watched."""
    return any(
        node.busiest_cores is not None
        for moment in run.bins
        for node in moment.nodes
        if node.node == name
    )


def node_memory(run: RunResult) -> Chart:
    """Draw the memory of each watched node; a missed scrape is a gap."""
    return _chart(
        run,
        "Node memory",
        "share of the node's memory",
        "ratio",
        tuple(
            _line(run, name, _node_measure(name, "memory"), color=place)
            for place, name in enumerate(node_names(run))
        ),
    )


def engine(run: RunResult) -> Chart:
    """Draw how busy the generator's engines were."""
    return _chart(
        run,
        "Generator: CPU of its busiest engine",
        "share of one core",
        "ratio",
        (_line(run, "busiest engine", lambda it: it.engine_cpu_max, color=5),),
    )


def engine_lag(run: RunResult) -> Chart:
    """Draw how late the generator's engines were."""
    return _chart(
        run,
        "Generator: largest delay of its event loops",
        "delay",
        "s",
        (_line(run, "worst engine", lambda it: it.engine_lag_max_s, color=5),),
    )


def node_names(run: RunResult) -> tuple[str, ...]:
    """Return the nodes that were ever scraped, in the order they appeared."""
    names = (node.node for moment in run.bins for node in moment.nodes)
    return tuple(dict.fromkeys(names))


def _chart(
    run: RunResult,
    title: str,
    y_label: str,
    y_unit: Unit,
    marks: tuple[Mark, ...],
    note: str = "",
) -> Chart:
    spans = tuple(
        Span(
            name="",
            start=step.elapsed_s,
            end=_step_end(run, place),
        )
        for place, step in enumerate(run.steps)
        if place % 2 == 1
    )
    return Chart(
        title=title,
        x_label="time since the run began",
        y_label=y_label,
        y_unit=y_unit,
        x_kind="elapsed",
        x_range=(0.0, run.duration_s),
        marks=(*spans, *marks),
        note=note,
    )


def _step_end(run: RunResult, place: int) -> float:
    step: StepRecord = run.steps[place]
    end_s = min(step.elapsed_s + step.duration_s, run.duration_s)
    if place + 1 < len(run.steps):
        end_s = min(end_s, run.steps[place + 1].elapsed_s)
    return max(end_s, step.elapsed_s)


def _line(run: RunResult, name: str, measure: Measure, *, color: int) -> Line:
    return Line(
        name=name,
        x=_middles(run),
        y=tuple(measure(moment) for moment in run.bins),
        color=color,
    )


def _limit(
    bound: float | None, write: written.Writer, what: str = ""
) -> tuple[Limit, ...]:
    if bound is None:
        return ()
    return (Limit(name=f"SLO: {what}{write(bound)}", value=bound),)


def _node_measure(name: str, what: str) -> Measure:
    def measure(moment: TimelineBin) -> float | None:
        for node in moment.nodes:
            if node.node == name:
                return node.cpu_ratio if what == "cpu" else node.memory_ratio
        return None

    return measure


def _group_measure(name: str, group: str) -> Measure:
    def measure(moment: TimelineBin) -> float | None:
        for node in moment.nodes:
            if node.node == name:
                return dict(node.cpu_cores).get(group)
        return None

    return measure


def _middles(run: RunResult) -> tuple[float, ...]:
    return tuple((moment.starts_s + moment.ends_s) / 2 for moment in run.bins)
