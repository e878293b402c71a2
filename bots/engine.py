"""The bot engine: many participants on one core, commanded over a socketpair.

    python -m bots.engine --fd N        started by a Locust worker, never by hand

It is the last gate before the network (`gate`): the allow-list, the secret and the caps
on participants, streams and duration are checked before the first packet, whoever
started the run. It lives in a session of its own, ignores SIGINT, and when its worker
goes away (end of file) or it gets SIGTERM, everybody leaves, every meeting it made is
ended, and it exits.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator
from typing import Final

import uvloop

from bots.clock import RunClock
from bots.engine_run import LEAVE_TIMEOUT_S, EngineRun, Field, OpenField
from bots.plain import Malformed
from bots.servers import Server
from bots.wire import Answer, Begin, Command, FrameReader, encode

logger = logging.getLogger(__name__)

UNREAD_MAX_BYTES: Final = 64_000_000


@contextlib.asynccontextmanager
async def open_field(
    server: Server, begin: Begin, clock: RunClock
) -> AsyncIterator[Field]:
    """Open the media plane and the HTTP side for one server."""
    # The media stack is loaded only for a target that has passed the guard.
    from bots.field import ServerField

    async with ServerField(server, begin, clock) as field:
        yield field


async def run_engine(connection: socket.socket, opener: OpenField = open_field) -> None:
    """Serve one worker on its socket; return when all is cleaned up."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(sock=connection)
    commands: asyncio.Queue[Command | None] = asyncio.Queue()
    loop.add_signal_handler(signal.SIGTERM, commands.put_nowait, None)

    def send(answer: Answer) -> None:
        if writer.is_closing():
            return
        writer.write(encode(answer))
        if writer.transport.get_write_buffer_size() > UNREAD_MAX_BYTES:
            logger.error("the worker does not read any more")
            writer.transport.abort()

    async def listen() -> None:
        frames = FrameReader()
        try:
            while data := await reader.read(1 << 16):
                for command in frames.receive(data):
                    commands.put_nowait(command)  # type: ignore[arg-type]
        except (OSError, Malformed) as error:
            logger.error("the link to the worker broke: %s", error)
        commands.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        listening = group.create_task(listen())
        try:
            await EngineRun(send, opener).serve(commands)
        finally:
            listening.cancel()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(LEAVE_TIMEOUT_S):
            writer.close()
            await writer.wait_closed()


def main() -> None:
    """Start an engine on an inherited socket."""
    parser = argparse.ArgumentParser(prog="python -m bots.engine")
    parser.add_argument("--fd", type=int, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, format="engine: %(message)s")
    connection = socket.socket(fileno=options.fd)
    uvloop.run(run_engine(connection))


if __name__ == "__main__":
    main()
