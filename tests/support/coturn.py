"""Debian's coturn for tests: TURN over UDP, TCP and TLS with a shared secret.

    async with coturn(tmp_path) as turn:
        turn.url("tls"), turn.secret, turn.ca_file, turn.server("tcp")
        turn.allocations()

On loopback, or inside a network namespace. Its certificate is made for the test and
signed by itself, so `ca_file` is what a participant must be given to trust it.
"""

import asyncio
import base64
import datetime
import hashlib
import hmac
import ipaddress
import re
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bots.models import IceServer
from loadtest.machine import free_port
from tests.support.asynctest import eventually, scaled
from tests.support.namespaces import Namespace
from tests.support.needs import find_program

START_LIMIT_S = 30.0
STOP_LIMIT_S = 5.0
REALM = "bbbload.test"
Carrier = Literal["udp", "tcp", "tls"]
CARRIERS: tuple[Carrier, ...] = ("udp", "tcp", "tls")

_SERVED = "tcp or tls connected to"
"""What its log says of each connection that a thread took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coturn:
    """A running TURN server."""

    address: str
    plain_port: int
    tls_port: int
    secret: str = field(repr=False)
    ca_file: str
    log: Path
    pid: int = 0

    def url(self, carrier: Carrier) -> str:
        """Return the URL as BBB's `stuns` writes it."""
        if carrier == "tls":
            return f"turns:{self.address}:{self.tls_port}?transport=tcp"
        return f"turn:{self.address}:{self.plain_port}?transport={carrier}"

    def server(self, carrier: Carrier) -> IceServer:
        """Return the server with credentials made here, as BBB makes them."""
        username = f"{int(time.time()) + 3600}:w_tester"
        digest = hmac.new(self.secret.encode(), username.encode(), hashlib.sha1)
        return IceServer(
            url=self.url(carrier),
            username=username,
            credential=base64.b64encode(digest.digest()).decode(),
        )

    def allocations(self) -> list[str]:
        """Return the users who got a relay so far, by the server's own log."""
        told = self.log.read_text(errors="replace")
        return re.findall(r"user <([^>]+)>: incoming packet ALLOCATE processed", told)


@asynccontextmanager
async def coturn(
    folder: Path, inside: Namespace | None = None
) -> AsyncIterator[Coturn]:
    """Start the server; end it by its process."""
    program = find_program("turnserver")
    assert program is not None
    address = inside.address if inside else "127.0.0.1"
    certificate, key = _certificate(folder, address)
    plain_port, tls_port = (3478, 5349) if inside else (free_port(), free_port())
    turn = Coturn(
        address=address,
        plain_port=plain_port,
        tls_port=tls_port,
        secret=secrets.token_urlsafe(16),
        ca_file=str(certificate),
        log=folder / "turn.log",
    )
    settings = folder / "turn.conf"
    settings.write_text(
        f"listening-ip={address}\n"
        f"relay-ip={address}\n"
        f"listening-port={plain_port}\n"
        f"tls-listening-port={tls_port}\n"
        "use-auth-secret\n"
        f"static-auth-secret={turn.secret}\n"
        f"realm={REALM}\n"
        f"cert={certificate}\n"
        f"pkey={key}\n"
        f"log-file={turn.log}\n"
        "simple-log\n"
        "verbose\n"
        "no-cli\n"
        "no-dtls\n"
        "allow-loopback-peers\n"
        f"pidfile={folder / 'turn.pid'}\n"
        f"userdb={folder / 'turn.db'}\n"
    )
    # By the file, so that no secret is in the process list.
    command = (program, "-c", str(settings))
    process = await asyncio.create_subprocess_exec(
        *(inside.command(*command) if inside else command),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        for port in (plain_port, tls_port):
            await eventually(
                lambda port=port: _listens(address, port),
                limit_s=START_LIMIT_S,
                what="coturn's port",
            )
        # Its ports are open before its threads run: an early request has no answer.
        await eventually(
            lambda: turn.log.read_text(errors="replace").count(_SERVED) >= 2,
            limit_s=START_LIMIT_S,
            what="coturn to take a connection on both ports",
        )
        yield replace(turn, pid=process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(scaled(STOP_LIMIT_S)):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _listens(address: str, port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((address, port)) == 0


def _certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """Write a certificate for an IP address, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "coturn for a test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address(address))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "turn.pem", folder / "turn.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file
