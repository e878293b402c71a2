"""RTP read and written as bytes, against hand-made bytes and aiortc's own parser."""

import random

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtcrtpparameters import (
    RTCRtpHeaderExtensionParameters,
    RTCRtpParameters,
)
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket

from bots.media import rtp

GOLDEN = bytes.fromhex(
    "90e0fffe0001000011223344"  # V2, X, marker, PT 96, seq 65534, ts 65536, SSRC
    "bede0003"  # one-byte extensions, three words
    "22010203"  # id 2: abs-send-time, 3 bytes
    "41abcd90"  # id 4: transport sequence, 2 bytes; id 9: mid "0"
    "30000000"
    "9080800a"  # VP8: X, S, partition 0; I; 15-bit picture id 10
    "1000"  # VP8 frame header, P bit 0: a key frame
)


def test_every_field_of_a_packet_is_read_where_it_lies():
    assert rtp.is_rtp(GOLDEN)
    assert rtp.payload_type(GOLDEN) == 96
    assert rtp.marker(GOLDEN)
    assert rtp.sequence(GOLDEN) == 65534
    assert rtp.timestamp(GOLDEN) == 65536
    assert rtp.ssrc(GOLDEN) == 0x11223344
    assert rtp.header_length(GOLDEN) == 28
    assert rtp.padding_length(GOLDEN) == 0


def test_a_packet_is_built_as_the_golden_bytes():
    block = rtp.build_extensions(
        ((2, b"\x01\x02\x03"), (4, b"\xab\xcd"), (9, b"0")),
    )
    header = rtp.build_header(
        payload_type=96,
        sequence=65534,
        timestamp=65536,
        ssrc=0x11223344,
        marker=True,
        extensions=block,
    )
    descriptor = rtp.build_vp8_descriptor(starts_frame=True, picture_id=10)

    assert header + descriptor + b"\x10\x00" == GOLDEN


def test_aiortc_reads_our_header_and_extensions():
    ids = HeaderExtensionsMap()
    ids.configure(
        RTCRtpParameters(
            headerExtensions=[
                RTCRtpHeaderExtensionParameters(id=2, uri=rtp.ABS_SEND_TIME_URI),
                RTCRtpHeaderExtensionParameters(id=4, uri=rtp.TRANSPORT_SEQUENCE_URI),
                RTCRtpHeaderExtensionParameters(id=9, uri=rtp.MID_URI),
            ]
        )
    )

    packet = RtpPacket.parse(GOLDEN, ids)

    assert packet.sequence_number == 65534
    assert packet.extensions == HeaderExtensions(
        abs_send_time=0x010203, mid="0", transport_sequence_number=0xABCD
    )
    assert packet.payload == GOLDEN[28:]


@pytest.mark.parametrize("csrcs", [0, 1, 15])
@pytest.mark.parametrize("padding", [0, 4])
@pytest.mark.parametrize("mid", [None, "0", "a mid longer than sixteen bytes"])
def test_we_read_what_aiortc_writes(csrcs, padding, mid):
    ids = HeaderExtensionsMap()
    ids.configure(
        RTCRtpParameters(
            headerExtensions=[
                RTCRtpHeaderExtensionParameters(id=2, uri=rtp.ABS_SEND_TIME_URI),
                RTCRtpHeaderExtensionParameters(id=9, uri=rtp.MID_URI),
            ]
        )
    )
    packet = RtpPacket(
        payload_type=111, sequence_number=7, timestamp=1, ssrc=2, payload=b"opus"
    )
    packet.csrc = list(range(csrcs))
    packet.padding_size = padding
    if mid is not None:
        packet.extensions = HeaderExtensions(mid=mid, abs_send_time=99)
    data = packet.serialize(ids)

    start = rtp.header_length(data)
    end = len(data) - rtp.padding_length(data)

    assert data[start:end] == b"opus"
    found = rtp.find_extension(data, 9)
    if mid is None:
        assert found is None
    else:
        assert found is not None
        assert data[found[0] : sum(found)] == mid.encode()
        sent = rtp.find_extension(data, 2)
        assert sent is not None
        assert rtp.read_abs_send_time(data, sent[0]) == 99
    assert rtp.find_extension(data, 5) is None


def test_rewriting_changes_three_fields_and_nothing_else():
    packet = bytearray(GOLDEN)

    rtp.rewrite(packet, sequence=65536 + 5, timestamp=(1 << 32) + 6, ssrc=7)

    assert (rtp.sequence(packet), rtp.timestamp(packet), rtp.ssrc(packet)) == (5, 6, 7)
    assert packet[:2] == GOLDEN[:2]
    assert packet[12:] == GOLDEN[12:]
    rtp.set_payload_type(packet, 120)
    assert rtp.payload_type(packet) == 120
    assert rtp.marker(packet)


@pytest.mark.parametrize(
    ("name", "datagram"),
    [
        ("stun", bytes.fromhex("000100002112a442") + bytes(12)),
        ("dtls", bytes.fromhex("16feff") + bytes(20)),
        ("rtp", GOLDEN),
        ("rtcp", bytes.fromhex("80c9000111223344")),
        ("", b""),
        ("", b"\x80"),
        ("", bytes(30)[:19]),
        ("", bytes([200]) * 40),
    ],
)
def test_a_datagram_is_one_kind_or_none(name, datagram):
    kinds = {
        "stun": rtp.is_stun(datagram),
        "dtls": rtp.is_dtls(datagram),
        "rtp": rtp.is_rtp(datagram),
        "rtcp": rtp.is_rtcp(datagram),
    }

    assert [kind for kind, is_it in kinds.items() if is_it] == ([name] if name else [])


@pytest.mark.parametrize("cut", [12, 15, 16, 27])
def test_a_packet_that_ends_in_its_header_is_refused(cut):
    with pytest.raises(ValueError, match="ends"):
        rtp.header_length(GOLDEN[:cut])


@pytest.mark.parametrize("count", [0, 200])
def test_impossible_padding_is_refused(count):
    packet = bytearray(GOLDEN)
    packet[0] |= 0x20
    packet[-1] = count

    with pytest.raises(ValueError, match="padding"):
        rtp.padding_length(packet)


def test_extended_sequences_follow_a_reordered_stream_over_the_wrap():
    rng = random.Random(1)
    truth = list(range(65000, 65000 + 3 * 65536, 97))
    highest = truth[0]
    for number in truth:
        late = number - rng.randrange(0, 300)
        assert rtp.extend_sequence(late & 0xFFFF, highest) == late or late < truth[0]
        assert rtp.extend_sequence(number & 0xFFFF, highest) == number
        highest = max(highest, number)


@pytest.mark.parametrize(
    ("later", "earlier", "expected"),
    [(1, 0, 1), (0, 65535, 1), (65535, 0, -1), (0x8000, 0, -0x8000), (5, 5, 0)],
)
def test_sequence_distance_is_signed(later, earlier, expected):
    assert rtp.sequence_distance(later, earlier) == expected


def test_timestamp_distance_is_signed():
    assert rtp.timestamp_distance(2, 0xFFFFFFFF) == 3
    assert rtp.timestamp_distance(0xFFFFFFFF, 2) == -3


def test_absolute_send_time_measures_a_delay_over_its_wrap():
    packet = bytearray(GOLDEN)
    found = rtp.find_extension(packet, 2)
    assert found is not None
    rtp.write_abs_send_time(packet, found[0], 63.99)

    departure = rtp.read_abs_send_time(packet, found[0])

    assert departure == rtp.abs_send_time(63.99)
    assert rtp.abs_send_time_delay_s(
        rtp.abs_send_time(64.03), departure
    ) == pytest.approx(0.04, abs=1e-5)


def test_short_fields_are_written_in_place():
    packet = bytearray(GOLDEN)
    found = rtp.find_extension(packet, 4)
    assert found == (21, 2)
    rtp.write_short(packet, found[0], 65536 + 3)

    assert rtp.read_short(packet, found[0]) == 3


def test_ids_come_from_the_extmap_by_uri():
    ids = rtp.extension_ids(
        [(1, rtp.TOFFSET_URI), (2, rtp.ABS_SEND_TIME_URI), (9, rtp.MID_URI)]
    )

    assert ids == rtp.ExtensionIds(abs_send_time=2, transport_sequence=0, mid=9)


def test_no_elements_make_no_block_and_bad_ids_are_refused():
    assert rtp.build_extensions(()) == b""
    with pytest.raises(ValueError, match="1 to 255"):
        rtp.build_extensions(((0, b"x"),))


@pytest.mark.parametrize("picture_id", [None, 5, 300])
@pytest.mark.parametrize("extra", [{}, {"tl0picidx": 3}, {"tid": (1, 0), "keyidx": 2}])
@pytest.mark.parametrize(("start", "partition"), [(1, 0), (0, 0), (1, 1)])
@pytest.mark.parametrize("is_delta", [0, 1])
def test_we_read_the_descriptors_that_aiortc_writes(
    picture_id, extra, start, partition, is_delta
):
    theirs = VpxPayloadDescriptor(start, partition, picture_id=picture_id, **extra)
    data = bytes(theirs) + bytes([0x10 | is_delta])

    ours = rtp.parse_vp8_descriptor(b"head" + data, 4)

    assert ours.length == len(bytes(theirs))
    assert ours.picture_id == picture_id
    assert ours.starts_frame == (start == 1 and partition == 0)
    assert ours.is_key_frame == (ours.starts_frame and not is_delta)


def test_a_seven_bit_picture_id_is_told_from_one_of_fifteen_bits():
    short = rtp.parse_vp8_descriptor(bytes.fromhex("90807f00"))
    long = rtp.parse_vp8_descriptor(bytes.fromhex("9080807f00"))

    assert (short.picture_id, short.picture_id_bits, short.length) == (127, 7, 3)
    assert (long.picture_id, long.picture_id_bits, long.length) == (127, 15, 4)


@pytest.mark.parametrize("picture_id", [0, 127, 128, 32767])
def test_aiortc_reads_our_descriptor(picture_id):
    data = rtp.build_vp8_descriptor(starts_frame=True, picture_id=picture_id)

    descriptor, rest = VpxPayloadDescriptor.parse(data + b"frame")

    assert len(data) == rtp.VP8_DESCRIPTOR_BYTES
    assert descriptor.picture_id == picture_id
    assert (descriptor.partition_start, descriptor.partition_id) == (1, 0)
    assert rest == b"frame"


@pytest.mark.parametrize("data", ["", "90", "9080", "908080", "90800a"])
def test_a_descriptor_cut_short_is_refused(data):
    with pytest.raises(ValueError, match="descriptor"):
        rtp.parse_vp8_descriptor(bytes.fromhex(data))
