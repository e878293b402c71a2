"""The kernel's filter keeps what a media server must answer."""

import socket

from tests.support.socket_filter import drop_rtp

STUN, DTLS, RTCP = b"\x00\x01", b"\x16\xfe", b"\x80\xc9"
RTP = (b"\x80\x60", b"\x90\xe0", b"\xbf\xff", b"\x80\xbf")


def test_rtp_is_dropped_and_all_else_is_kept_in_order():
    with (
        socket.socket(type=socket.SOCK_DGRAM) as ears,
        socket.socket(type=socket.SOCK_DGRAM) as mouth,
    ):
        ears.bind(("127.0.0.1", 0))
        ears.settimeout(10)
        drop_rtp(ears)

        for datagram in (STUN, *RTP, DTLS, *RTP, RTCP):
            mouth.sendto(datagram, ears.getsockname())

        assert [ears.recv(10) for _ in range(3)] == [STUN, DTLS, RTCP]
