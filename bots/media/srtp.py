"""SRTP and SRTCP over libsrtp, called directly on one reused buffer.

The `pylibsrtp` package is used for its policies and its library; its `Session` methods
copy each packet twice and allocate a length every time, which was half of their cost.

All senders and receivers of a process share one workspace, since an engine is a single
thread: **what `protect` returns is valid until the next call of any method here**. Send
it at once. What `unprotect` returns is a copy and stays.
"""

from typing import Any, Final

from pylibsrtp import Error, Policy
from pylibsrtp._binding import ffi, lib  # the wrapper's own module has no other door

from bots.media.dtls import SrtpKeys

WORKSPACE_BYTES: Final = 4096
OVERHEAD_BYTES: Final = 4 + 16
"""At most this much is added: an SRTCP index and an authentication tag."""

REPLAY_WINDOW: Final = 1024
"""Packets that may arrive late; as browsers and aiortc set it."""

_PROFILES: Final = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
}
_TAG_BYTES: Final = {"AES_CM_128_HMAC_SHA1_80": 10, "AEAD_AES_128_GCM": 16}
_REPLAYED: Final = frozenset({9, 10})  # srtp_err_status_replay_fail, replay_old

_storage = bytearray(WORKSPACE_BYTES)
_packet = ffi.from_buffer(_storage)
_length = ffi.new("int *")
_protect, _protect_rtcp = lib.srtp_protect, lib.srtp_protect_rtcp
_ENTRIES: Final = ("srtp_protect", "srtp_protect_rtcp")
_unprotect, _unprotect_rtcp = lib.srtp_unprotect, lib.srtp_unprotect_rtcp

workspace: Final = memoryview(_storage)
"""Write a packet here and call `protect_workspace` to save a copy."""


class SrtpSender:
    """Protects what we send; retransmissions of a sequence number are allowed."""

    def __init__(self, keys: SrtpKeys) -> None:
        self._session = _session(keys, keys.local, Policy.SSRC_ANY_OUTBOUND)
        self._handle = self._session[0]

    @property
    def entry(self) -> tuple[int, int, int]:
        """Addresses of the session, `srtp_protect` and `srtp_protect_rtcp`.

        For the compiled part, which keeps this object as long as it uses them.
        """
        functions = (ffi.addressof(lib, name) for name in _ENTRIES)
        session, protect, protect_rtcp = (
            int(ffi.cast("uintptr_t", each)) for each in (self._handle, *functions)
        )
        return session, protect, protect_rtcp

    def protect(
        self, packet: bytes | bytearray | memoryview, length: int | None = None
    ) -> memoryview:
        """Return the SRTP packet for the first `length` bytes of an RTP packet."""
        size = len(packet) if length is None else length
        workspace[:size] = packet if length is None else packet[:size]
        return self.protect_workspace(size)

    def protect_workspace(self, length: int) -> memoryview:
        """Return the SRTP packet for the RTP packet written to `workspace`."""
        _length[0] = length
        status = _protect(self._handle, _packet, _length)
        if status:
            raise refusal("protect", status)
        return workspace[: _length[0]]

    def protect_rtcp(self, packet: bytes | bytearray | memoryview) -> memoryview:
        """Return the SRTCP packet for a compound RTCP packet."""
        size = len(packet)
        workspace[:size] = packet
        _length[0] = size
        status = _protect_rtcp(self._handle, _packet, _length)
        if status:
            raise refusal("protect rtcp", status)
        return workspace[: _length[0]]


class SrtpReceiver:
    """Authenticates and decrypts what the peer sends."""

    def __init__(self, keys: SrtpKeys) -> None:
        self.auth_failures = 0
        """Packets that were not what the peer protected, so far."""
        self.replays = 0
        """Packets that had been seen before or were older than the window, so far."""
        self.tag_bytes = _TAG_BYTES[keys.profile]
        """What SRTP adds to each RTP packet."""
        self._session = _session(keys, keys.remote, Policy.SSRC_ANY_INBOUND)
        self._handle = self._session[0]

    def unprotect(self, packet: bytes | memoryview) -> bytes | None:
        """Return the RTP packet; None, and counted, when it is forged or replayed."""
        return self._opened(packet, _unprotect)

    def unprotect_rtcp(self, packet: bytes | memoryview) -> bytes | None:
        """Return the compound RTCP packet; None as in `unprotect`."""
        return self._opened(packet, _unprotect_rtcp)

    def _opened(self, packet: bytes | memoryview, unprotect: Any) -> bytes | None:
        size = len(packet)
        if size > WORKSPACE_BYTES:
            self.auth_failures += 1
            return None
        workspace[:size] = packet
        _length[0] = size
        status = unprotect(self._handle, _packet, _length)
        if not status:
            return bytes(workspace[: _length[0]])
        if status in _REPLAYED:
            self.replays += 1
        else:
            self.auth_failures += 1
        return None


def _session(keys: SrtpKeys, key: bytes, direction: int) -> Any:
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=_PROFILES[keys.profile])
    policy.allow_repeat_tx = True
    policy.window_size = REPLAY_WINDOW
    session = ffi.new("srtp_t *")
    status = lib.srtp_create(session, policy._policy)
    if status:
        raise refusal("create", status)
    return ffi.gc(session, lambda pointer: lib.srtp_dealloc(pointer[0]))


def refusal(step: str, status: int) -> Error:
    """Return what to raise when libsrtp answers with this status."""
    return Error(f"libsrtp refused to {step}: status {status}")
