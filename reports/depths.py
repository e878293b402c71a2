"""The section of a run report on depths of looking, and the predicted voice quality."""

from loadtest.results import DepthFigures
from reports import format as written
from reports.document import Block, Column, Notice, Table, Text

TITLE = "Depths of looking, and voice quality"
NAMES = {
    "loss": "packets lost",
    "jitter": "jitter",
    "frames": "frames a second",
    "decoded": "decoded frames",
    "concealed": "filled-in speech",
}


def blocks(depths: tuple[DepthFigures, ...]) -> tuple[Block, ...]:
    """Tell what was seen at each depth and whether all agree."""
    return (_agreement(depths), *_forged(depths), _table(depths))


def _agreement(depths: tuple[DepthFigures, ...]) -> Block:
    compared = tuple(found for found in depths if found.is_compared)
    if not compared and any(found.depth != "light" for found in depths):
        return Text(
            text="Too little was looked at in a second depth to compare: the run was "
            "short, or few participants decode (decode_every)."
        )
    if not compared:
        return Text(
            text="Every stream was looked at in one depth, so nothing vouches for it "
            "but itself: let one in so many participants decode (decode_every)."
        )
    apart = tuple(
        f"{found.kind} at depth {found.depth} "
        f"({written.listing(tuple(NAMES[name] for name in found.differs))})"
        for found in compared
        if found.differs
    )
    if apart:
        return Notice(
            text=f"The depths differ by more than 2 %: {written.listing(apart)}.",
            tone="warning",
        )
    agree = tuple(f"{found.kind} at depth {found.depth}" for found in compared)
    return Text(
        text=f"The depths agree within 2 %: what headers say is what was decrypted or "
        f"decoded ({written.listing(agree)})."
    )


def _forged(depths: tuple[DepthFigures, ...]) -> tuple[Block, ...]:
    failures = sum(found.auth_failures for found in depths)
    if not failures:
        return ()
    return (
        Notice(
            text=f"Packets that SRTP refused as not authentic: "
            f"{written.count(failures)}. At depth light only the first ones and one in "
            "a hundred are opened: there may have been more.",
            tone="warning",
        ),
    )


def _table(depths: tuple[DepthFigures, ...]) -> Table:
    return Table(
        title="",
        columns=(
            Column(title="media", is_name=True),
            Column(title="depth", is_name=True),
            Column(title="streams", is_number=True),
            Column(title="lost", is_number=True),
            Column(title="in a row", is_number=True),
            Column(title="jitter", is_number=True),
            Column(title="one-way delay", is_number=True),
            Column(title="frames a second", is_number=True),
            Column(title="decoded", is_number=True),
            Column(title="filled in", is_number=True),
            Column(title="MOS, median", is_number=True),
            Column(title="MOS, 5th percentile", is_number=True),
        ),
        rows=tuple(
            (
                found.kind,
                found.depth,
                written.count(found.streams),
                written.percent(found.loss_ratio),
                written.number(found.burst_packets),
                written.seconds(found.jitter_s),
                written.seconds(found.one_way_delay_s),
                written.number(found.frame_rate),
                written.percent(found.decoded_ratio),
                written.percent(found.concealed_ratio),
                written.number(found.mos_p50),
                written.number(found.mos_p5),
            )
            for found in depths
        ),
        note="Light: headers and a sample; decrypt: every packet opened; decode: "
        "really decoded. Decoded: frames out of a decoder, of those that headers call "
        "whole. Filled in: speech that a decoder made up for what did not come. In a "
        "row: voice packets that were lost together, in the mean. Two participants' "
        "jitter may differ by 2 ms. One-way delay: the mean from when a packet was due "
        "at a publisher of ours until a viewer of ours on the same machine had it. "
        "MOS: predicted listening quality, 1 to 4.5, by ITU-T G.107.1 with assumed "
        "values for Opus: compare it with this tool's only.",
    )
