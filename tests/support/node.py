"""A stand-in node for tests: in this process, or as a real `bbbload node`.

    async with local_node() as node:              # in-process, free port
        node.url, node.api_url, node.secret, node.running.node

    async with node_process("--cpu-budget", "0.3") as node:      # a real subprocess
        node.url, node.api_url, node.metrics_url, node.secret, node.pid

Both give the secret, so that a test can sign calls; `signed` builds such a URL.
"""

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from loadtest.node.app import RunningNode
from loadtest.node.settings import NodeSettings
from tests.support.asynctest import scaled
from tests.support.namespaces import Namespace

SECRET = "639259d4-9dd8-4b25-bf01-95f9567eaf4b"
"""The secret of the test vector in BBB's API documentation."""


@dataclass(frozen=True, kw_only=True)
class NodeUnderTest:
    """Where a node of a test is and how to talk to it."""

    url: str
    secret: str = field(repr=False)
    pid: int
    stderr: list[str] = field(default_factory=list)
    """Lines of a subprocess' stderr so far."""

    @property
    def api_url(self) -> str:
        return f"{self.url}/bigbluebutton/api"

    @property
    def metrics_url(self) -> str:
        return f"{self.url}/metrics"

    def signed(self, call: str, **parameters: object) -> str:
        """Return the signed URL of an API call."""
        return signed(self.api_url, call, parameters, self.secret)


@dataclass(frozen=True, kw_only=True)
class LocalNode(NodeUnderTest):
    """A node in the test's own process: its state can be looked at."""

    running: RunningNode


def signed(
    api_url: str,
    call: str,
    parameters: Mapping[str, object],
    secret: str,
    algorithm: str = "sha256",
) -> str:
    """Return the URL of `call`, signed independently of the code under test."""
    query = urlencode({name: str(value) for name, value in parameters.items()})
    checksum = hashlib.new(algorithm, f"{call}{query}{secret}".encode()).hexdigest()
    joint = "&" if query else ""
    return f"{api_url}/{call}?{query}{joint}checksum={checksum}"


@asynccontextmanager
async def local_node(settings: NodeSettings | None = None) -> AsyncIterator[LocalNode]:
    """Run a node in this process on a free port."""
    settings = settings or NodeSettings(secret=SECRET)
    async with RunningNode(replace(settings, port=0)) as running:
        yield LocalNode(
            url=running.url, secret=settings.secret, pid=os.getpid(), running=running
        )


@asynccontextmanager
async def node_process(
    *arguments: str,
    secret: str = SECRET,
    inside: Namespace | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[NodeUnderTest]:
    """Run `bbbload node --port 0 ARGUMENTS` and stop it with SIGTERM at the end.

    In a network namespace, it needs `--host` with an address of there.
    Raises AssertionError with the node's stderr if it does not become ready.
    """
    command = (
        sys.executable,
        "-c",
        "from loadtest.cli import main; main()",
        "node",
        "--port",
        "0",
        *arguments,
    )
    process = await asyncio.create_subprocess_exec(
        *(inside.command(*command) if inside else command),
        env={**os.environ, "BBB_SECRET": secret, **(environment or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    lines: list[str] = []
    reading = asyncio.ensure_future(_keep_lines(process.stderr, lines))
    try:
        async with asyncio.timeout(scaled(30)):
            line = await process.stdout.readline()
        if not line:
            await reading
            raise AssertionError("the node did not start: " + "\n".join(lines))
        ready = json.loads(line)
        yield NodeUnderTest(
            url=ready["url"], secret=secret, pid=ready["pid"], stderr=lines
        )
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(scaled(10)):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await reading


async def _keep_lines(stream: asyncio.StreamReader, lines: list[str]) -> None:
    while line := await stream.readline():
        lines.append(line.decode(errors="replace").rstrip("\n"))
