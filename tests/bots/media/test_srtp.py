"""Our SRTP against the plain `pylibsrtp` sessions, and against tampering."""

import os
import struct

import pytest
from pylibsrtp import Error, Policy, Session

from bots.media.dtls import SrtpKeys, SrtpProfile
from bots.media.srtp import WORKSPACE_BYTES, SrtpReceiver, SrtpSender, workspace

PROFILES: dict[SrtpProfile, tuple[int, int]] = {
    "AES_CM_128_HMAC_SHA1_80": (30, Policy.SRTP_PROFILE_AES128_CM_SHA1_80),
    "AEAD_AES_128_GCM": (28, Policy.SRTP_PROFILE_AEAD_AES_128_GCM),
}
RECEIVER_REPORT = struct.pack("!BBHIIIIIII", 0x81, 201, 7, 1, 2, 0, 9, 0, 0, 0)


def keys_for(profile: SrtpProfile) -> SrtpKeys:
    size, _ = PROFILES[profile]
    return SrtpKeys(profile=profile, local=os.urandom(size), remote=os.urandom(size))


def mirrored(keys: SrtpKeys) -> SrtpKeys:
    return SrtpKeys(profile=keys.profile, local=keys.remote, remote=keys.local)


def plain_session(keys: SrtpKeys, key: bytes, direction: int) -> Session:
    _, profile = PROFILES[keys.profile]
    return Session(Policy(key=key, ssrc_type=direction, srtp_profile=profile))


def rtp(sequence: int, payload: bytes = b"payload", ssrc: int = 0xABCD) -> bytes:
    return struct.pack("!BBHII", 0x80, 96, sequence, 3000 * sequence, ssrc) + payload


@pytest.mark.parametrize("profile", PROFILES)
def test_a_plain_session_reads_what_we_protect(profile):
    keys = keys_for(profile)
    peer = plain_session(keys, keys.local, Policy.SSRC_ANY_INBOUND)
    sender = SrtpSender(keys)

    sent = [rtp(n, os.urandom(n * 10)) for n in range(1, 100)]

    assert [peer.unprotect(bytes(sender.protect(packet))) for packet in sent] == sent
    report = bytes(sender.protect_rtcp(RECEIVER_REPORT))
    assert peer.unprotect_rtcp(report) == RECEIVER_REPORT


@pytest.mark.parametrize("profile", PROFILES)
def test_we_read_what_a_plain_session_protects(profile):
    keys = keys_for(profile)
    peer = plain_session(keys, keys.remote, Policy.SSRC_ANY_OUTBOUND)
    receiver = SrtpReceiver(keys)

    sent = [rtp(n, os.urandom(n * 10)) for n in range(1, 100)]

    assert [receiver.unprotect(peer.protect(packet)) for packet in sent] == sent
    assert receiver.unprotect_rtcp(peer.protect_rtcp(RECEIVER_REPORT)) == (
        RECEIVER_REPORT
    )


def test_a_packet_written_to_the_workspace_needs_no_copy():
    keys = keys_for("AES_CM_128_HMAC_SHA1_80")
    sender, receiver = SrtpSender(keys), SrtpReceiver(mirrored(keys))
    packet = rtp(5)

    workspace[: len(packet)] = packet
    protected = bytes(sender.protect_workspace(len(packet)))

    assert len(protected) == len(packet) + 10
    assert receiver.unprotect(protected) == packet


def test_only_the_first_bytes_of_a_buffer_are_protected_when_a_length_is_given():
    keys = keys_for("AES_CM_128_HMAC_SHA1_80")
    receiver = SrtpReceiver(mirrored(keys))
    packet = rtp(5)

    protected = SrtpSender(keys).protect(bytearray(packet + b"rest"), len(packet))

    assert receiver.unprotect(protected) == packet


def test_a_forged_packet_is_refused_and_counted():
    keys = keys_for("AES_CM_128_HMAC_SHA1_80")
    sender, receiver = SrtpSender(keys), SrtpReceiver(mirrored(keys))
    forged = bytearray(sender.protect(rtp(1)))
    forged[14] ^= 1

    assert receiver.unprotect(bytes(forged)) is None
    assert receiver.unprotect(b"\x80`") is None
    assert receiver.unprotect(bytes(WORKSPACE_BYTES + 1)) is None
    assert (receiver.auth_failures, receiver.replays) == (3, 0)
    assert receiver.unprotect(sender.protect(rtp(2))) == rtp(2)


def test_a_forged_report_is_refused_and_counted():
    keys = keys_for("AES_CM_128_HMAC_SHA1_80")
    forged = bytearray(SrtpSender(keys).protect_rtcp(RECEIVER_REPORT))
    forged[-1] ^= 1
    receiver = SrtpReceiver(mirrored(keys))

    assert receiver.unprotect_rtcp(bytes(forged)) is None
    assert receiver.auth_failures == 1


def test_a_replayed_packet_is_refused_and_counted_apart():
    keys = keys_for("AES_CM_128_HMAC_SHA1_80")
    sender, receiver = SrtpSender(keys), SrtpReceiver(mirrored(keys))
    protected = bytes(sender.protect(rtp(1)))

    assert receiver.unprotect(protected) == rtp(1)
    assert receiver.unprotect(protected) is None
    assert (receiver.auth_failures, receiver.replays) == (0, 1)


def test_a_packet_that_comes_late_within_the_window_is_accepted():
    keys = keys_for("AES_CM_128_HMAC_SHA1_80")
    sender, receiver = SrtpSender(keys), SrtpReceiver(mirrored(keys))
    late = bytes(sender.protect(rtp(1)))
    for sequence in range(2, 1000):
        assert receiver.unprotect(sender.protect(rtp(sequence))) is not None

    assert receiver.unprotect(late) == rtp(1)


def test_the_same_sequence_number_may_be_sent_again():
    keys = keys_for("AES_CM_128_HMAC_SHA1_80")
    sender = SrtpSender(keys)

    first = bytes(sender.protect(rtp(1)))
    for sequence in range(2, 300):
        sender.protect(rtp(sequence))

    assert bytes(sender.protect(rtp(1))) == first


def test_sequence_numbers_roll_over():
    keys = keys_for("AES_CM_128_HMAC_SHA1_80")
    sender, receiver = SrtpSender(keys), SrtpReceiver(mirrored(keys))

    for sequence in (65533, 65534, 65535, 0, 1, 2):
        protected = sender.protect(rtp(sequence))
        assert receiver.unprotect(protected) == rtp(sequence)


def test_a_key_of_the_wrong_length_is_refused():
    keys = SrtpKeys(profile="AEAD_AES_128_GCM", local=b"short", remote=b"short")

    with pytest.raises(ValueError, match="28 bytes"):
        SrtpSender(keys)


def test_something_that_is_no_rtp_packet_cannot_be_protected():
    sender = SrtpSender(keys_for("AES_CM_128_HMAC_SHA1_80"))

    with pytest.raises(Error, match="protect"):
        sender.protect(b"\x80")


def test_keys_are_not_shown():
    assert "local" not in repr(keys_for("AES_CM_128_HMAC_SHA1_80"))
