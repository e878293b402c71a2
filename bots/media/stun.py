"""STUN Binding messages for ICE, packed and read without an object per attribute.

Knows RFC 8489 (message, integrity, fingerprint) and the attributes of RFC 8445 that
connectivity checks and consent (RFC 7675) carry. No socket, no timer, no agent.
aioice's general message classes cost several times as much per check; these functions
do only Binding, and the tests read what they build with aioice and the other way round.
"""

import hmac
import ipaddress
import zlib
from dataclasses import dataclass
from struct import Struct
from typing import Final, Literal

MessageClass = Literal["request", "indication", "response", "error"]

HOST_PRIORITY: Final = 126 << 24 | 65535 << 8 | 255
"""Priority of a host candidate, component 1 (RFC 8445 5.1.2.1)."""
PEER_REFLEXIVE_PRIORITY: Final = 110 << 24 | 65535 << 8 | 255
"""What a check announces for the peer-reflexive candidate it may make (7.1.1)."""
BAD_REQUEST, UNAUTHENTICATED, ROLE_CONFLICT = 400, 401, 487

_HEADER = Struct("!HHI12s")
_ATTRIBUTE = Struct("!HH")
_WORD = Struct("!I")
_ICE_REQUEST = Struct("!HHIHHQ")
_COOKIE = 0x2112A442
_HEADER_BYTES = 20
_INTEGRITY_BYTES = 4 + 20
_FINGERPRINT_BYTES = 4 + 4
_FINGERPRINT_XOR = 0x5354554E
_BINDING = 0x0001
_CLASSES: Final[dict[int, MessageClass]] = {
    0x0001: "request",
    0x0011: "indication",
    0x0101: "response",
    0x0111: "error",
}
_USERNAME, _INTEGRITY, _ERROR_CODE = 0x0006, 0x0008, 0x0009
_XOR_MAPPED_ADDRESS, _PRIORITY, _USE_CANDIDATE = 0x0020, 0x0024, 0x0025
_FINGERPRINT, _CONTROLLED, _CONTROLLING = 0x8028, 0x8029, 0x802A


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingMessage:
    """A Binding message as read; nothing in it is trusted before `is_authentic`."""

    message_class: MessageClass
    transaction_id: bytes
    username: str = ""
    """`<receiver's ufrag>:<sender's ufrag>` in a request."""
    priority: int = 0
    nominates: bool = False
    """USE-CANDIDATE: the controlling agent chose this pair."""
    role: Literal["controlling", "controlled", ""] = ""
    mapped_address: tuple[str, int] | None = None
    error_code: int = 0
    integrity_at: int = 0
    """Offset of MESSAGE-INTEGRITY; 0 without one."""


def parse_binding(datagram: bytes) -> BindingMessage:
    """Read a Binding message and check its FINGERPRINT, where it has one.

    Raises:
        ValueError: not STUN, another method, cut short, or a wrong fingerprint.
    """
    if len(datagram) < _HEADER_BYTES:
        raise ValueError("stun message ends inside its header")
    kind, length, cookie, transaction_id = _HEADER.unpack_from(datagram)
    if cookie != _COOKIE or len(datagram) != _HEADER_BYTES + length:
        raise ValueError("stun message has a wrong cookie or length")
    message_class = _CLASSES.get(kind)
    if message_class is None:
        raise ValueError(f"stun message type {kind:#06x} is not Binding")
    found = _attributes(datagram)
    username = _value(datagram, found, _USERNAME)
    priority = _value(datagram, found, _PRIORITY)
    error = _value(datagram, found, _ERROR_CODE)
    mapped = _value(datagram, found, _XOR_MAPPED_ADDRESS)
    role: Literal["controlling", "controlled", ""] = ""
    if _CONTROLLING in found:
        role = "controlling"
    elif _CONTROLLED in found:
        role = "controlled"
    return BindingMessage(
        message_class=message_class,
        transaction_id=transaction_id,
        username=username.decode("utf-8", "replace"),
        priority=int.from_bytes(priority, "big"),
        nominates=_USE_CANDIDATE in found,
        role=role,
        mapped_address=_unpack_address(mapped, transaction_id) if mapped else None,
        error_code=error[2] * 100 + error[3] if len(error) >= 4 else 0,
        integrity_at=found[_INTEGRITY][0] - 4 if _INTEGRITY in found else 0,
    )


def is_authentic(datagram: bytes, message: BindingMessage, key: bytes) -> bool:
    """Return whether MESSAGE-INTEGRITY is there and was made with `key`.

    A request is signed with the receiver's ice-pwd, its response with the same.
    """
    at = message.integrity_at
    if not at or len(datagram) < at + _INTEGRITY_BYTES:
        return False
    expected = _integrity(datagram[:at], key)
    return hmac.compare_digest(datagram[at + 4 : at + _INTEGRITY_BYTES], expected)


def build_request(
    transaction_id: bytes,
    *,
    username: str,
    key: bytes,
    priority: int = PEER_REFLEXIVE_PRIORITY,
    tie_breaker: int,
    nominates: bool,
) -> bytes:
    """Return a controlling agent's check; `key` is the remote ice-pwd."""
    name = username.encode()
    body = _attribute(_USERNAME, name) + _ICE_REQUEST.pack(
        _PRIORITY, 4, priority, _CONTROLLING, 8, tie_breaker
    )
    if nominates:
        body += _ATTRIBUTE.pack(_USE_CANDIDATE, 0)
    return _signed(_BINDING, transaction_id, body, key)


def build_response(
    transaction_id: bytes, mapped_address: tuple[str, int], key: bytes
) -> bytes:
    """Return a success response; `key` is our own ice-pwd."""
    body = _attribute(
        _XOR_MAPPED_ADDRESS, _pack_address(mapped_address, transaction_id)
    )
    return _signed(_BINDING | 0x0100, transaction_id, body, key)


def build_error(
    transaction_id: bytes, code: int, reason: str, key: bytes = b""
) -> bytes:
    """Return an error response, signed where a key both sides know is given."""
    body = _attribute(
        _ERROR_CODE, bytes((0, 0, code // 100, code % 100)) + reason.encode()
    )
    if key:
        return _signed(_BINDING | 0x0110, transaction_id, body, key)
    head = _HEADER.pack(
        _BINDING | 0x0110, len(body) + _FINGERPRINT_BYTES, _COOKIE, transaction_id
    )
    return _with_fingerprint(head + body)


def _attributes(datagram: bytes) -> dict[int, tuple[int, int]]:
    """Return type -> (offset, length) of values; unsigned ones after integrity not."""
    found: dict[int, tuple[int, int]] = {}
    at, end = _HEADER_BYTES, len(datagram)
    while at + 4 <= end:
        kind, length = _ATTRIBUTE.unpack_from(datagram, at)
        at += 4
        if at + length > end:
            raise ValueError("stun attribute reaches past its message")
        if kind == _FINGERPRINT:
            checked = zlib.crc32(datagram[: at - 4]) ^ _FINGERPRINT_XOR
            if datagram[at : at + length] != _WORD.pack(checked):
                raise ValueError("stun fingerprint does not match")
        elif _INTEGRITY not in found and kind not in found:
            if kind == _INTEGRITY and length != 20:
                raise ValueError("stun message integrity is not 20 bytes long")
            found[kind] = (at, length)
        at += length + -length % 4
    return found


def _value(datagram: bytes, found: dict[int, tuple[int, int]], kind: int) -> bytes:
    at, length = found.get(kind, (0, 0))
    return datagram[at : at + length]


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _integrity(covered: bytes, key: bytes) -> bytes:
    """HMAC-SHA1 over the message up to here, its length counting this attribute."""
    length = len(covered) - _HEADER_BYTES + _INTEGRITY_BYTES
    return hmac.digest(
        key, covered[:2] + length.to_bytes(2, "big") + covered[4:], "sha1"
    )


def _signed(kind: int, transaction_id: bytes, body: bytes, key: bytes) -> bytes:
    length = len(body) + _INTEGRITY_BYTES
    covered = _HEADER.pack(kind, length, _COOKIE, transaction_id) + body
    signature = hmac.digest(key, covered, "sha1")
    whole = _HEADER.pack(kind, length + _FINGERPRINT_BYTES, _COOKIE, transaction_id)
    return _with_fingerprint(whole + body + _ATTRIBUTE.pack(_INTEGRITY, 20) + signature)


def _with_fingerprint(message: bytes) -> bytes:
    checked = zlib.crc32(message) ^ _FINGERPRINT_XOR
    return message + _ATTRIBUTE.pack(_FINGERPRINT, 4) + _WORD.pack(checked)


def _pack_address(address: tuple[str, int], transaction_id: bytes) -> bytes:
    packed = ipaddress.ip_address(address[0]).packed
    pad = _WORD.pack(_COOKIE) + transaction_id
    mixed = bytes(a ^ b for a, b in zip(packed, pad, strict=False))
    family = 1 if len(packed) == 4 else 2
    return bytes((0, family)) + (address[1] ^ _COOKIE >> 16).to_bytes(2, "big") + mixed


def _unpack_address(value: bytes, transaction_id: bytes) -> tuple[str, int]:
    if len(value) not in (8, 20):
        raise ValueError("stun address is neither IPv4 nor IPv6")
    port = int.from_bytes(value[2:4], "big") ^ _COOKIE >> 16
    pad = _WORD.pack(_COOKIE) + transaction_id
    packed = bytes(a ^ b for a, b in zip(value[4:], pad, strict=False))
    return str(ipaddress.ip_address(packed)), port
