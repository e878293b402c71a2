"""Preview -> Document: what a run will load and cost, before anything is sent.

Computes nothing: every number is a field of `loadtest.preview.Preview`.
"""

from collections.abc import Callable

from loadtest.occupancy import Load
from loadtest.preview import Preview
from reports import format as written
from reports.document import (
    Answer,
    Chart,
    Column,
    Document,
    Line,
    Notice,
    Section,
    Table,
    Text,
    Unit,
)

Price = tuple[str, float]
"""(server type, EUR for the run's traffic out of it, once nothing is included)."""


def document(
    preview: Preview,
    *,
    name: str,
    source: str,
    changes: tuple[str, ...] = (),
    seed: int,
    prices: tuple[Price, ...],
    refusals: tuple[str, ...] = (),
) -> Document:
    """Tell a preview; `source` is the scenario's file, `name` the scenario's.

    `changes` are the options that it was changed by, as `bbbload run` takes them;
    `refusals` are the caps that would refuse its run.
    """
    fits = not preview.shortfalls
    needs, out = preview.needs, written.byte_count(preview.received_bytes)
    total = preview.sent_bytes + preview.received_bytes
    return Document(
        kind="preview",
        title=f"Preview of {name}",
        asked="What will this run load, and can this machine make that load?",
        verdict="This machine is large enough; nothing has been sent."
        if fits
        else "This machine is too small; nothing has been sent.",
        tone="bad" if not fits else "warning" if refusals else "good",
        answers=(
            Answer(
                question="participants at once",
                value=written.count(preview.peak_participants),
                holds_for=f"in {written.count(preview.peak_meetings)} meetings; "
                f"{written.count(preview.meetings)} meetings made in all",
            ),
            Answer(question="duration", value=written.duration(preview.duration_s)),
            Answer(
                question="traffic in all",
                value=written.byte_count(total),
                holds_for=f"{out} out of the server; at the top "
                f"{written.bit_rate(needs.received_bps)} from it, "
                f"{written.bit_rate(needs.sent_bps)} to it",
            ),
        ),
        next_steps=(*preview.shortfalls, *refusals)
        or (
            " ".join(
                (
                    f"bbbload run {source} my-server",
                    *changes,
                    *((f"--engines {needs.engines}",) if needs.engines > 1 else ()),
                    "-o run.jsonl",
                )
            ),
        ),
        notices=(
            Notice(
                text="Everything here is planned, nothing is measured: traffic counts "
                "everybody as speaking, and the generator's needs are costs measured "
                "on another machine.",
                tone="plain",
                short="planned, not measured",
            ),
        ),
        sections=(
            Section(title="Population", blocks=(participants(preview),)),
            Section(title="Streams and traffic", blocks=(streams(preview),)),
            _needs(preview),
            *_prices(prices),
        ),
        provenance=(
            ("scenario", source),
            *((("changed by", " ".join(changes)),) if changes else ()),
            ("seed", str(seed)),
        ),
    )


def participants(preview: Preview) -> Chart:
    """Draw who is in over time."""
    return _chart(
        preview,
        "Participants planned",
        "participants",
        "",
        (("participants", lambda load: load.participants),),
    )


def streams(preview: Preview) -> Chart:
    """Draw the media streams at the server over time."""
    return _chart(
        preview,
        "Media streams planned",
        "streams",
        "",
        (
            ("video from the server", lambda load: _video_out(load)),
            ("audio from the server", lambda load: load.streams.audio_out),
            ("all to the server", lambda load: _all_in(load)),
        ),
    )


def _video_out(load: Load) -> int:
    return load.streams.video_out + load.streams.screen_out


def _all_in(load: Load) -> int:
    streams = load.streams
    return streams.audio_in + streams.video_in + streams.screen_in


def _chart(
    preview: Preview,
    title: str,
    y_label: str,
    y_unit: Unit,
    measures: tuple[tuple[str, Callable[[Load], int]], ...],
) -> Chart:
    ends = [load.elapsed_s for load in preview.course[1:]] + [preview.duration_s]
    x = tuple(
        time_s
        for load, end_s in zip(preview.course, ends, strict=True)
        for time_s in (load.elapsed_s, end_s)
    )
    marks = tuple(
        Line(
            name=name,
            x=x,
            y=tuple(float(of(load)) for load in preview.course for _ in range(2)),
            color=place,
        )
        for place, (name, of) in enumerate(measures)
    )
    return Chart(
        title=title,
        x_label="time since the run began",
        y_label=y_label,
        y_unit=y_unit,
        x_kind="elapsed",
        x_range=(0.0, preview.duration_s),
        marks=marks,
    )


def _needs(preview: Preview) -> Section:
    needs, machine = preview.needs, preview.machine
    rows = (
        ("cores", f"{needs.cores:.1f}", f"{machine.cores:.1f}"),
        ("engines", written.count(needs.engines), ""),
        ("memory", written.byte_count(needs.memory_bytes), _size(machine.memory_bytes)),
        (
            "open files of an engine",
            written.count(needs.descriptors),
            _count(machine.descriptors),
        ),
        ("UDP ports", written.count(needs.udp_ports), _count(machine.udp_ports)),
        (
            "network card, the busier way",
            written.bit_rate(max(needs.sent_bps, needs.received_bps)),
            "unknown"
            if machine.uplink_bps is None
            else written.bit_rate(machine.uplink_bps),
        ),
    )
    columns = (
        Column(title="what", is_name=True),
        Column(title="needed", is_number=True),
        Column(title="here", is_number=True),
    )
    table = Table(title="The generator", columns=columns, rows=rows)
    return Section(
        title="What the generator needs",
        blocks=(table, *(Text(text=sentence) for sentence in preview.shortfalls)),
    )


def _prices(prices: tuple[Price, ...]) -> tuple[Section, ...]:
    if not prices:
        return ()
    table = Table(
        title="What the traffic costs",
        columns=(
            Column(title="server type", is_name=True),
            Column(title="EUR", is_number=True),
        ),
        rows=tuple((name, written.money(price)) for name, price in prices),
        note="Once the month's included traffic is used up; before that, nothing.",
    )
    return (Section(title="Price of the traffic", blocks=(table,)),)


def _size(size_bytes: int | None) -> str:
    return "unknown" if size_bytes is None else written.byte_count(size_bytes)


def _count(number: int | None) -> str:
    return "no limit" if number is None else written.count(number)
