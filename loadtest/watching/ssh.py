"""Ask a node over SSH, with the system's own ssh: one connection, nothing installed.

The shell loop of `loadtest.watching.procfs` runs at the other end of one connection. It
waits for us between answers and ends when the connection does. ssh asks nobody for
anything (BatchMode) and speaks to no host whose key it doesn't know; keys, agents, jump
hosts and known hosts are those of the user's own ssh configuration.
"""

import contextlib
import re
import shlex
import socket
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bots.errors import ClusterError, ConfigError, TargetUnusable
from bots.redaction import redact
from loadtest.watching.procfs import (
    ASK,
    ASK_ALL,
    END,
    ProcReader,
    shell_loop,
    told_time_s,
)
from loadtest.watching.reading import Reading, clock_offset

CONNECT_TIMEOUT_S: Final = 10.0
ANSWER_TIMEOUT_S: Final = 5.0
LARGEST_ANSWER_BYTES: Final = 8_000_000
ALL_EVERY: Final = 5
"""Services and connections are asked for with each fifth answer."""
RETRY_AFTER_S: Final = 10.0
CONNECTIONS_MAX: Final = 30
"""A node that keeps losing us is left alone in the end."""
GRAPHQL_PORT: Final = 8378
"""graphql-middleware of BBB 3.0 listens there, on loopback."""
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.:-]{0,252}[A-Za-z0-9_.])?|::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SshAddress:
    """`ssh://[user@]host[:port][?config=FILE][&graphql_port=8378]`."""

    host: str
    user: str = ""
    port: int | None = None
    config: str = ""
    graphql_port: int = GRAPHQL_PORT

    @property
    def node(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"


def read_ssh_address(address: str) -> SshAddress:
    """Return the parts of an `ssh://` address; raises ConfigError for another one."""
    shown = redact(address)
    try:
        parts = urllib.parse.urlsplit(address)
        port, password = parts.port, parts.password
        query = urllib.parse.parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise ConfigError(f"the ssh address {shown!r} cannot be read") from error
    unknown = sorted(set(query) - {"config", "graphql_port"})
    if password is not None:
        raise ConfigError(
            f"the ssh address of {parts.hostname} holds a password: use a key, which "
            "ssh finds by itself, and leave the password out"
        )
    host, user = parts.hostname or "", parts.username or ""
    if (
        parts.scheme != "ssh"
        or not _HOST.fullmatch(host)
        or (user and not _USER.fullmatch(user))
        or parts.path not in ("", "/")
        or unknown
    ):
        raise ConfigError(
            f"the ssh address {shown!r} is none: write it like ssh://NODE or "
            "ssh://NODE:2222?config=~/.ssh/load-test"
        )
    graphql = query.get("graphql_port", [str(GRAPHQL_PORT)])[-1]
    if not graphql.isdigit() or not 0 < int(graphql) < 65_536:
        raise ConfigError(f"the ssh address {shown!r}: graphql_port is a port number")
    return SshAddress(
        host=host,
        user=user,
        port=port,
        config=query.get("config", [""])[-1],
        graphql_port=int(graphql),
    )


def ssh_command(to: SshAddress) -> tuple[str, ...]:
    """Return the command line that runs the loop on a node. Pure."""
    options = (
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        f"ConnectTimeout={CONNECT_TIMEOUT_S:.0f}",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        "ClearAllForwardings=yes",
        "ControlMaster=no",
        "ControlPath=none",
        "PermitLocalCommand=no",
    )
    command = ["ssh", "-T", "-x"]
    if to.config:
        command += ["-F", str(Path(to.config).expanduser())]
    for option in options:
        command += ["-o", option]
    if to.port is not None:
        command += ["-p", str(to.port)]
    if to.user:
        command += ["-l", to.user]
    loop = shlex.quote(shell_loop(to.graphql_port))
    return (*command, "--", to.host, f"exec sh -c {loop}")


class SshSource:
    """A node asked over SSH; the connection is opened when it is first read."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._to = read_ssh_address(address)
        self._reader = ProcReader()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._said: IO[bytes] | None = None
        self._asked = 0
        self._opened = 0
        self._retry_s = 0.0

    @property
    def node(self) -> str:
        return self._to.node

    def read(self, elapsed_s: Callable[[], float]) -> Reading:
        """Ask once; opens the connection anew where it was lost, but not at once."""
        limit_s = ANSWER_TIMEOUT_S
        if self._channel is None:
            self._open()
            limit_s += CONNECT_TIMEOUT_S
        try:
            return self._ask(elapsed_s, limit_s)
        except (OSError, ClusterError) as error:
            reason = self._reason(error)
            self._retry_s = time.monotonic() + RETRY_AFTER_S
            self.close()
            raise TargetUnusable(
                f"{self.node} cannot be asked over ssh ({reason}): try "
                f"`ssh -o BatchMode=yes {self._to.host} true`, which must work "
                "without a question"
            ) from error

    def close(self) -> None:
        """End the connection, and with it the loop on the node."""
        channel, self._channel = self._channel, None
        process, self._process = self._process, None
        said, self._said = self._said, None
        if channel is not None:
            channel.close()
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.terminate()
                process.wait(timeout=2.0)
            if process.poll() is None:
                process.kill()
                process.wait()
        if said is not None:
            said.close()

    def _open(self) -> None:
        if time.monotonic() < self._retry_s or self._opened >= CONNECTIONS_MAX:
            raise TargetUnusable(f"{self.node} is not asked over ssh for a while")
        self._opened += 1
        self._asked = 0
        ours, theirs = socket.socketpair()
        self._said = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                ssh_command(self._to),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._said,
            )
        except OSError as error:
            ours.close()
            self.close()
            raise TargetUnusable(
                "there is no ssh program here: sudo apt install openssh-client"
            ) from error
        finally:
            theirs.close()
        self._channel = ours

    def _ask(self, elapsed_s: Callable[[], float], limit_s: float) -> Reading:
        assert self._channel is not None
        ask = ASK if self._asked % ALL_EVERY else ASK_ALL
        first = self._asked == 0
        self._asked += 1
        until_s = time.monotonic() + limit_s
        asked_s = time.time()
        self._channel.sendall(f"{ask}\n".encode())
        heard = bytearray()
        answered_s = at_s = 0.0
        while not heard.endswith(f"\n{END}\n".encode()):
            self._channel.settimeout(max(0.01, until_s - time.monotonic()))
            part = self._channel.recv(262_144)
            if not heard:
                answered_s, at_s = time.time(), elapsed_s()
            if not part:
                raise ClusterError("the connection ended")
            heard += part
            if len(heard) > LARGEST_ANSWER_BYTES:
                raise ClusterError("the answer is longer than any /proc")
        lines = heard.decode("utf-8", errors="replace").splitlines()
        told_s = told_time_s(lines[0])
        # The first answer waited for the connection: its way says nothing of a clock.
        clock = None
        if told_s is not None and not first:
            clock = clock_offset(asked_s, told_s, answered_s)
        return self._reader.receive(lines, at_s, clock)

    def _reason(self, error: Exception) -> str:
        """Return what ssh said last, or what happened to the connection."""
        if self._said is not None and self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.5)
            self._said.seek(0)
            lines = self._said.read(65_536).decode("utf-8", "replace").splitlines()
            told = [line.strip() for line in lines if line.strip()]
            if told:
                return redact(told[-1])
        return redact(str(error)) or type(error).__name__
