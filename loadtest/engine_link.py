"""The gevent side of the socketpair: a bot engine as a child of a Locust process.

Only a process that runs Locust users has one. It is started after `--processes` has
forked, never at import. The engine has a session of its own, so that Ctrl-C in a
terminal reaches Locust alone, and it ends when this end of the pair is closed, however
this process ends.
"""

import logging
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Final

import gevent

from bots.plain import Malformed
from bots.wire import Answer, Begin, Command, Ended, FrameReader, Refused, encode

logger = logging.getLogger(__name__)

END_PATIENCE_S: Final = 20.0
"""Everybody leaves and all meetings are ended within this, or the engine is killed."""


class EngineLink:
    """One engine process, from its start to its end."""

    def __init__(
        self, answer: Callable[[Answer], None], lost: Callable[[str], None]
    ) -> None:
        """Start an engine; `answer` gets what it says, `lost` why it went early."""
        ours, theirs = socket.socketpair()
        theirs.set_inheritable(True)
        self._answer, self._lost = answer, lost
        self._socket = ours
        self.is_over = False
        self._has_begun = self._is_closing = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bots.engine", "--fd", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self.pid = self._process.pid
        self._reader = gevent.spawn(self._listen)

    def send(self, command: Command) -> None:
        """Send a command; to an engine that is gone, nothing happens."""
        if self.is_over:
            return
        self._has_begun = self._has_begun or isinstance(command, Begin)
        try:
            self._socket.sendall(encode(command))
        except OSError as error:
            logger.warning("the bot engine takes no commands any more: %s", error)

    def close(self) -> None:
        """Close the link and wait for the engine, which cleans up on its own."""
        self.is_over = self._is_closing = True
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the engine was first
        self._reader.join(timeout=END_PATIENCE_S)
        try:
            self._process.wait(timeout=END_PATIENCE_S if self._reader.dead else 0.1)
        except subprocess.TimeoutExpired:
            logger.error("the bot engine did not end in time and is killed")
            self._process.kill()
            self._process.wait()
        self._socket.close()

    def _listen(self) -> None:
        frames = FrameReader()
        reason = "the bot engine ended"
        has_ended = False
        try:
            while data := self._socket.recv(1 << 16):
                for message in frames.receive(data):
                    has_ended = has_ended or isinstance(message, Ended | Refused)
                    self._answer(message)  # type: ignore[arg-type]
        except (OSError, Malformed) as error:
            reason = f"the link to the bot engine broke ({error})"
        is_unused = self._is_closing and not self._has_begun
        if not has_ended and not is_unused:
            self.is_over = True
            code = self._process.poll()
            self._lost(reason if code is None else f"{reason} with code {code}")
        self.is_over = True
