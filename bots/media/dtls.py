"""DTLS-SRTP without I/O: datagrams in, datagrams out, SRTP keys at the end.

Knows RFC 5764 (use_srtp, key export) and the certificate fingerprints of RFC 8122. It
has no socket and no task; the only clock is OpenSSL's own retransmission timer, whose
rest `timeout_s` tells. One `Certificate` (ECDSA P-256) with one SSL context serves all
sessions of a process: making them anew for each connection cost more than a handshake.

The protocol stops at DTLS 1.2, which is what BBB's SFU (mediasoup) and today's browsers
speak; hashes of a peer's certificate are computed over its DER once and kept, so a peer
with one certificate for many connections is parsed by nobody but OpenSSL.
"""

import datetime
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

FINGERPRINT_FAMILIES: Final = ("sha-1", "sha-224", "sha-256", "sha-384", "sha-512")
"""The hash functions that mediasoup writes one of, at random, into its SDP."""

SrtpProfile = Literal["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"]
DtlsState = Literal["new", "connecting", "connected", "failed", "closed"]

DATAGRAM_BYTES: Final = 1200
"""Largest DTLS datagram sent: fits any path that carries RTP."""

_RECORD_HEADER_BYTES = 13  # type, version, epoch, sequence, length (RFC 6347 4.1)
_FLIGHT_BYTES = 65536
_DTLS_1_2 = 0xFEFD
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
)


@dataclass(frozen=True, slots=True)
class _ProfileSize:
    name: SrtpProfile
    key_bytes: int
    salt_bytes: int


# In order of preference, which is that of mediasoup and browsers; GCM is also cheaper.
_PROFILES: Final = {
    b"SRTP_AEAD_AES_128_GCM": _ProfileSize("AEAD_AES_128_GCM", 16, 12),
    b"SRTP_AES128_CM_SHA1_80": _ProfileSize("AES_CM_128_HMAC_SHA1_80", 16, 14),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SrtpKeys:
    """Master key || master salt of both directions (RFC 5764 4.2)."""

    profile: SrtpProfile
    local: bytes = field(repr=False)
    """Protects what we send."""
    remote: bytes = field(repr=False)
    """Protects what the peer sends."""


class Certificate:
    """A self-signed ECDSA P-256 certificate and the SSL context that presents it."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, cert: x509.Certificate) -> None:
        self._der = cert.public_bytes(serialization.Encoding.DER)
        self.context = _context(key, cert)

    @classmethod
    def generate(cls) -> "Certificate":
        """Make a key and a certificate that is valid for 30 days."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name(
            [x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))]
        )
        now = datetime.datetime.now(tz=datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
        )
        return cls(key, builder.sign(key, hashes.SHA256()))

    def fingerprint(self, family: str) -> str:
        """Return the certificate's hash as `AB:CD:…`; `family` is one of the five."""
        if family not in FINGERPRINT_FAMILIES:
            raise ValueError(f"unknown fingerprint family {family!r}")
        return _fingerprint(self._der, family)


class DtlsSession:
    """One DTLS association; feed it datagrams and send what it returns.

    `remote_fingerprints` are (family, value) pairs as in the peer's SDP, in any order
    and number and of any of the five families. One match is enough; none makes the
    session fail with "fingerprint mismatch".
    """

    def __init__(
        self,
        certificate: Certificate,
        *,
        is_server: bool,
        remote_fingerprints: Iterable[tuple[str, str]],
    ) -> None:
        self.state: DtlsState = "new"
        self.failure = ""
        """Why the state is `failed`; "" otherwise."""
        self.keys: SrtpKeys | None = None
        """Set once connected."""
        self._is_server = is_server
        self._fingerprints = tuple(
            (family.lower(), value.strip().upper())
            for family, value in remote_fingerprints
        )
        self._ssl = SSL.Connection(certificate.context)
        self._is_released = False
        self._ssl.set_ciphertext_mtu(DATAGRAM_BYTES)
        if is_server:
            self._ssl.set_accept_state()
        else:
            self._ssl.set_connect_state()

    def start(self) -> list[bytes]:
        """Begin the handshake; a client gets its ClientHello, a server nothing."""
        if self.state != "new":
            return []
        self.state = "connecting"
        return [] if self._is_server else self._handshake()

    def receive(self, datagram: bytes) -> list[bytes]:
        """Take one DTLS datagram from the peer and return the answers to it."""
        if self.state in ("failed", "closed"):
            return []
        if self.state == "new":
            self.state = "connecting"
        self._ssl.bio_write(datagram)
        if self.state == "connecting":
            return self._handshake()
        return self._after_handshake()

    def timeout_s(self) -> float | None:
        """Return in how many seconds `handle_timeout` is due; None while nothing is."""
        if self.state != "connecting":
            return None
        rest_s: float | None = self._ssl.DTLSv1_get_timeout()
        return rest_s

    def handle_timeout(self) -> list[bytes]:
        """Return the last flight again when its timer has run out, else nothing."""
        if self.state != "connecting":
            return []
        try:
            self._ssl.DTLSv1_handle_timeout()
        except SSL.Error:
            self._fail("handshake timed out")
        return self._outgoing()

    def close(self) -> list[bytes]:
        """End the association and return the close_notify, if one can be sent.

        OpenSSL's part, nearly 90 kB, is given back at once: in the cycles of references
        around a session it would wait for a full collection, which is rare.
        """
        farewell = self._farewell() if self.state == "connected" else []
        if self.state not in ("failed", "closed"):
            self.state = "closed"
        if not self._is_released:
            self._is_released = True
            del self._ssl
        return farewell

    def _farewell(self) -> list[bytes]:
        try:
            self._ssl.shutdown()
        except SSL.Error:
            return []
        return self._outgoing()

    def _handshake(self) -> list[bytes]:
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            return self._outgoing()
        except SSL.Error as error:
            self._fail(f"handshake: {_reason(error)}")
            return self._outgoing()
        self._finish()
        return self._outgoing()

    def _finish(self) -> None:
        if not self._is_peer_expected():
            self._fail("fingerprint mismatch")
            self._ssl.shutdown()
            return
        profile = _PROFILES.get(self._ssl.get_selected_srtp_profile())
        if profile is None:
            self._fail("no srtp profile")
            self._ssl.shutdown()
            return
        self.keys = self._exported_keys(profile)
        self.state = "connected"

    def _exported_keys(self, profile: _ProfileSize) -> SrtpKeys:
        key, salt = profile.key_bytes, profile.salt_bytes
        # client key, server key, client salt, server salt (RFC 5764 4.2)
        material = self._ssl.export_keying_material(
            b"EXTRACTOR-dtls_srtp", 2 * (key + salt)
        )
        salts = 2 * key
        client = material[:key] + material[salts : salts + salt]
        server = material[key:salts] + material[salts + salt :]
        local, remote = (server, client) if self._is_server else (client, server)
        return SrtpKeys(profile=profile.name, local=local, remote=remote)

    def _is_peer_expected(self) -> bool:
        peer = self._ssl.get_peer_certificate(as_cryptography=True)
        if peer is None:
            return False
        der = peer.public_bytes(serialization.Encoding.DER)
        return any(
            family in FINGERPRINT_FAMILIES
            and hmac.compare_digest(value, _fingerprint(der, family))
            for family, value in self._fingerprints
        )

    def _after_handshake(self) -> list[bytes]:
        try:
            self._ssl.recv(DATAGRAM_BYTES)  # application data is not ours: dropped
        except SSL.ZeroReturnError:
            self.state = "closed"
        except SSL.WantReadError:
            pass
        except SSL.Error:
            self.state = "closed"  # a fatal alert after the handshake
        return self._outgoing()

    def _outgoing(self) -> list[bytes]:
        try:
            flight = self._ssl.bio_read(_FLIGHT_BYTES)
        except SSL.Error:
            return []
        return list(_datagrams(flight))

    def _fail(self, failure: str) -> None:
        self.state = "failed"
        self.failure = failure


def _context(key: ec.EllipticCurvePrivateKey, cert: x509.Certificate) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_max_proto_version(_DTLS_1_2)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # Any certificate is taken here; who it is, its fingerprint says afterwards.
    context.set_verify(
        SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True
    )
    context.use_certificate(cert)
    context.use_privatekey(key)
    context.set_cipher_list(_CIPHERS)
    context.set_tlsext_use_srtp(b":".join(_PROFILES))
    return context


@lru_cache(maxsize=1024)
def _fingerprint(der: bytes, family: str) -> str:
    digest = hashlib.new(family.replace("-", ""), der, usedforsecurity=False)
    return digest.digest().hex(":").upper()


def _datagrams(flight: bytes) -> Iterator[bytes]:
    """Split a flight at its records, since a memory BIO forgets where datagrams end."""
    begin = end = 0
    while end + _RECORD_HEADER_BYTES <= len(flight):
        record_bytes = _RECORD_HEADER_BYTES + int.from_bytes(
            flight[end + 11 : end + 13], "big"
        )
        if end > begin and end + record_bytes - begin > DATAGRAM_BYTES:
            yield flight[begin:end]
            begin = end
        end += record_bytes
    if begin < len(flight):
        yield flight[begin:]


def _reason(error: SSL.Error) -> str:
    """Return OpenSSL's own words for a failed handshake."""
    queue = error.args[0] if error.args else ()
    reasons = [entry[-1] for entry in queue if entry] if queue else []
    return reasons[-1] if reasons else "closed by the peer"
