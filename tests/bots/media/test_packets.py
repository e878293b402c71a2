"""Frames cut into payloads and put together again by aiortc's own depacketiser."""

import random

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor

from bots.media import packets


@pytest.mark.parametrize("size", [1, 1147, 1148, 1149, 2296, 2297, 50_000])
def test_a_frame_is_cut_into_the_fewest_even_pieces(size):
    frame = random.Random(size).randbytes(size)

    pieces = packets.split_frame(frame, packets.MAX_PAYLOAD_BYTES)

    sizes = {len(piece) for piece in pieces}
    assert b"".join(pieces) == frame
    assert len(pieces) == -(-size // (packets.MAX_PAYLOAD_BYTES - 4))
    assert max(sizes) + 4 <= packets.MAX_PAYLOAD_BYTES
    assert max(sizes) - min(sizes) <= 1


def test_aiortc_puts_the_payloads_together_to_the_frames():
    rng = random.Random(2)
    frames = tuple(
        bytes([0x10 | (index % 5 > 0)]) + rng.randbytes(rng.randrange(10, 6000))
        for index in range(20)
    )
    cut = packets.packetise_video(frames, 15.0)

    together = []
    for index, payload in enumerate(cut.payloads):
        wire = packets.descriptor_of(cut, index, 32767 + len(together)) + payload
        descriptor, data = VpxPayloadDescriptor.parse(wire)
        if descriptor.partition_start:
            together.append(b"")
        together[-1] += data
        assert len(wire) <= packets.MAX_PAYLOAD_BYTES

    assert tuple(together) == frames
    assert cut.key_frames == (0, 5, 10, 15)
    assert cut.first_of_frame[-1] == len(cut.payloads)


@pytest.mark.parametrize("frames", [(), (b"\x11",), (b"\x11", b"\x10")])
def test_a_clip_that_cannot_loop_is_refused(frames):
    with pytest.raises(ValueError, match="key frame"):
        packets.packetise_video(frames, 15.0)


def test_an_empty_frame_is_refused():
    with pytest.raises(ValueError, match="at least one byte"):
        packets.split_frame(b"", 100)
