"""A filter in the kernel on one UDP socket: RTP is dropped before anybody wakes.

Classic BPF (Linux kernel documentation, networking/filter): a program of four-field
instructions on the datagram from its UDP header on. What it returns is how many bytes
are kept; 0 drops the datagram, and its sender is told nothing.
"""

import ctypes
import socket
import struct

SO_ATTACH_FILTER = 26
UDP_HEADER_BYTES = 8
_LOAD_BYTE, _IF_ABOVE_OR_EQUAL, _RETURN = 0x30, 0x35, 0x06
_KEEP = 0xFFFF

_PROGRAM = (
    (_LOAD_BYTE, 0, 0, UDP_HEADER_BYTES),
    (_IF_ABOVE_OR_EQUAL, 0, 3, 128),  # STUN and DTLS begin below (RFC 7983)
    (_LOAD_BYTE, 0, 0, UDP_HEADER_BYTES + 1),
    (_IF_ABOVE_OR_EQUAL, 0, 2, 192),  # RTCP is 192 to 223 (RFC 5761 section 4)
    (_IF_ABOVE_OR_EQUAL, 1, 0, 224),
    (_RETURN, 0, 0, _KEEP),
    (_RETURN, 0, 0, 0),
)


def drop_rtp(udp: socket.socket) -> None:
    """Keep everything but RTP from the socket."""
    code = b"".join(struct.pack("=HBBI", *line) for line in _PROGRAM)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(_PROGRAM), ctypes.addressof(buffer))
    udp.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
