"""HTTP and WebSockets of one participant: bytes to and fro, and nothing decided.

Each participant has its own connections and its own cookies, as a browser has. Cookies
are kept and sent by hand: BBB marks JSESSIONID as Secure, so a library's jar would
withhold it over plain http, and a WebSocket library need not ask the jar at all.

Redirects are never followed, no host outside the run's `Reach` is spoken to, URLs are
sent byte for byte as signed, every wait has a limit, and whatever goes wrong is a
`ClusterError` with a short code: `connect`, `certificate`, `http timeout`,
`http broken`, `http 401` and the like.
"""

import asyncio
import contextlib
import functools
import os
import socket
import ssl
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from bots.addresses import authority_of
from bots.errors import ClusterError, ConfigError, StepTimeout
from bots.protocol.answers import LONGEST_ANSWER, HttpAnswer
from bots.reach import Reach
from bots.redaction import redact

HTTP_LIMIT_S = 15.0
UPGRADE_LIMIT_S = 60.0
"""The html5 client's connection timeout; the middleware's rate limiter may hold one."""
GOODBYE_LIMIT_S = 1.0
"""How long a closing socket waits for the other side's close frame."""
CLOSE_LIMIT_S = 2.0
USER_AGENT = "bbbload"
AWAY = "network away"
"""Code of what failed because the participant's own network was taken away."""

FrameDirection = Literal["client->server", "server->client"]
FrameHook = Callable[[FrameDirection, str], None]


class UpgradeRefused(ClusterError):
    """A WebSocket upgrade was answered with an HTTP status; `code` is `http 401`."""


class Cookies:
    """The cookies of one participant, by host and port."""

    def __init__(self) -> None:
        self._by_host: dict[str, dict[str, str]] = {}

    def keep(self, url: str, set_cookie: Iterable[str]) -> None:
        """Remember what `Set-Cookie` headers of an answer from `url` say."""
        kept = self._by_host.setdefault(authority_of(url), {})
        for line in set_cookie:
            parsed: SimpleCookie = SimpleCookie()
            try:
                parsed.load(line)
            except CookieError:
                continue
            for name, morsel in parsed.items():
                if morsel["max-age"] == "0":
                    kept.pop(name, None)
                else:
                    kept[name] = morsel.value

    def header(self, url: str) -> str:
        """Return the `Cookie` header for `url`, "" where there is none."""
        kept = self._by_host.get(authority_of(url), {})
        return "; ".join(f"{name}={value}" for name, value in kept.items())


class Socket:
    """One open WebSocket that speaks text."""

    def __init__(
        self, opened: aiohttp.ClientWebSocketResponse, on_frame: FrameHook | None
    ) -> None:
        self._socket = opened
        self._on_frame = on_frame
        self.was_cut = False
        self.close_code: int | None = None
        self.close_reason = ""

    @property
    def is_closed(self) -> bool:
        """Whether either side has closed it."""
        return self._socket.closed

    async def send(self, text: str) -> None:
        """Send a text frame; on a socket that is closed, do nothing."""
        if self._on_frame is not None:
            self._on_frame("client->server", text)
        if not text.isascii():  # what a server told may hold half of a character
            text = text.encode("utf-8", "replace").decode()
        try:
            await self._socket.send_str(text)
        except (ConnectionError, aiohttp.ClientError):
            # The reader learns of it, with the close code that says why.
            return

    async def receive(self) -> str | None:
        """Wait for a text frame; None once the socket is closed, with its code set."""
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            text = str(message.data)
            if self._on_frame is not None:
                self._on_frame("server->client", text)
            return text
        if message.type is aiohttp.WSMsgType.BINARY:
            return ""
        if message.type is aiohttp.WSMsgType.CLOSE:
            self.close_code = message.data
            self.close_reason = str(message.extra or "")[:200]
        elif self.close_code is None:
            self.close_code = self._socket.close_code
        return None

    def cut(self) -> None:
        """End the connection without a word, as a lost network does."""
        self.was_cut = True
        below = self._socket.get_extra_info("socket")
        if below is not None:
            # By a second descriptor: what uvloop gives for a socket cannot be shut.
            with (
                contextlib.suppress(OSError),
                socket.socket(fileno=os.dup(below.fileno())) as same,
            ):
                same.shutdown(socket.SHUT_RDWR)

    async def close(self, code: int = 1000) -> None:
        """Close the socket and wait for the other side's goodbye, but not for long."""
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self._socket.close(code=code)
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            return


class Transport:
    """The connections and cookies of one participant."""

    def __init__(
        self, *, ca_file: str | None = None, reach: Reach | None = None
    ) -> None:
        self.cookies = Cookies()
        self._reach = reach
        self._tls = tls_context(ca_file)
        self._session: aiohttp.ClientSession | None = None
        self._sockets: weakref.WeakSet[Socket] = weakref.WeakSet()
        self._back_s = 0.0

    @property
    def is_away(self) -> bool:
        """Whether the network is taken away just now."""
        return time.monotonic() < self._back_s

    def lose(self, away_s: float) -> None:
        """Take the network away for so long: cut every socket, then reach nothing."""
        self._back_s = time.monotonic() + away_s
        for open_socket in tuple(self._sockets):
            open_socket.cut()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT},
            trace_configs=[_no_redirects()],
            timeout=aiohttp.ClientTimeout(total=None),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(
        self,
        url: str,
        *,
        as_json: bool = False,
        headers: Mapping[str, str] | None = None,
        limit_s: float = HTTP_LIMIT_S,
    ) -> HttpAnswer:
        """GET `url` exactly as it is written; with `as_json`, ask for JSON.

        Raises ClusterError when there was no complete answer, NodeNotAllowed when none
        was asked for.
        """
        assert self._session is not None, "a transport is used within `async with`"
        if self._reach is not None:
            self._reach.check(url)
        self._refuse_while_away(url)
        sent = dict(headers or {})
        if as_json:
            sent["Content-Type"] = "application/json"
        if cookie := self.cookies.header(url):
            sent["Cookie"] = cookie
        try:
            async with (
                asyncio.timeout(limit_s),
                self._session.get(
                    URL(url, encoded=True), headers=sent, allow_redirects=False
                ) as answer,
            ):
                body = await _read(answer)
        except TimeoutError as late:
            raise StepTimeout(
                f"{_place(url)} did not answer within {limit_s:g} s",
                code="http timeout",
            ) from late
        except (aiohttp.ClientError, ConnectionError, ValueError) as failure:
            raise _failure(url, failure) from None
        self.cookies.keep(url, answer.headers.getall("Set-Cookie", ()))
        request_id = answer.headers.get("X-Request-Id", "")
        return HttpAnswer(
            status=answer.status,
            body=body,
            location=answer.headers.get("Location", ""),
            request_id=request_id if request_id.isascii() else "",
        )

    async def connect(
        self,
        url: str,
        *,
        subprotocol: str | None = None,
        longest_frame_bytes: int = 1_000_000,
        limit_s: float = UPGRADE_LIMIT_S,
        on_frame: FrameHook | None = None,
    ) -> Socket:
        """Open a WebSocket with this participant's cookie and the server's own Origin.

        Raises UpgradeRefused for an HTTP status, NodeNotAllowed before any socket is
        opened, ClusterError for all else.
        """
        assert self._session is not None, "a transport is used within `async with`"
        if self._reach is not None:
            self._reach.check(url)
        self._refuse_while_away(url)
        headers = {"Origin": _origin(url)}
        if cookie := self.cookies.header(url):
            headers["Cookie"] = cookie
        try:
            async with asyncio.timeout(limit_s):
                opened = await self._session.ws_connect(
                    URL(url, encoded=True),
                    protocols=(subprotocol,) if subprotocol else (),
                    headers=headers,
                    max_msg_size=longest_frame_bytes,
                    timeout=aiohttp.ClientWSTimeout(ws_close=GOODBYE_LIMIT_S),
                )
        except TimeoutError as late:
            raise StepTimeout(
                f"{_place(url)} opened no WebSocket within {limit_s:g} s",
                code="http timeout",
            ) from late
        except _Redirected as redirected:
            raise UpgradeRefused(
                f"{_place(url)} answered the WebSocket with a redirect",
                code=f"http {redirected.status}",
            ) from None
        except aiohttp.WSServerHandshakeError as refusal:
            raise UpgradeRefused(
                f"{_place(url)} answered the WebSocket with status {refusal.status}",
                code=f"http {refusal.status}",
            ) from None
        except (aiohttp.ClientError, ConnectionError, ValueError) as failure:
            raise _failure(url, failure) from None
        made = Socket(opened, on_frame)
        self._sockets.add(made)
        _ALL_SOCKETS.add(made)
        return made

    def _refuse_while_away(self, url: str) -> None:
        if self.is_away:
            raise ClusterError(
                f"{_place(url)} cannot be reached: the network was taken away",
                code=AWAY,
            )


_ALL_SOCKETS: "weakref.WeakSet[Socket]" = weakref.WeakSet()


def open_sockets() -> int:
    """Return how many WebSockets of this process are open."""
    return sum(1 for each in tuple(_ALL_SOCKETS) if not each.is_closed)


@functools.lru_cache(maxsize=32)
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return the TLS settings of a process: loading authorities takes its time."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as unusable:
        raise ConfigError(
            f"the ca_file {ca_file} cannot be used: it must be a readable PEM file"
        ) from unusable


class _Redirected(Exception):
    """An upgrade was answered with a redirect, which the library would follow."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _no_redirects() -> aiohttp.TraceConfig:
    # `ws_connect` has no switch for it; this hook runs before the second socket opens.
    async def refuse(
        _session: object, _context: object, told: aiohttp.TraceRequestRedirectParams
    ) -> None:
        raise _Redirected(told.response.status)

    config = aiohttp.TraceConfig()
    config.on_request_redirect.append(refuse)
    return config


async def _read(answer: aiohttp.ClientResponse) -> str:
    parts, size = [], 0
    async for part in answer.content.iter_chunked(65_536):
        size += len(part)
        if size > LONGEST_ANSWER:
            raise ValueError("the answer is too long")
        parts.append(part)
    return b"".join(parts).decode("utf-8", errors="replace")


def _failure(url: str, failure: Exception) -> ClusterError:
    place = _place(url)
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        return ClusterError(
            f"{place} shows a certificate that is not trusted: name its authority as "
            "ca_file in servers.toml",
            code="certificate",
        )
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        return ClusterError(f"{place} is an unknown host", code="connect")
    if isinstance(failure, aiohttp.ClientConnectorError):
        reason = failure.os_error.strerror or "no reason given"
        return ClusterError(
            f"{place} cannot be reached: {reason.lower()}", code="connect"
        )
    words = redact(str(failure))[:200] or type(failure).__name__
    return ClusterError(f"{place} broke off its answer: {words}", code="http broken")


def _place(url: str) -> str:
    """Return host and path of a URL, without the query that may hold secrets."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}"


def _as_http(url: str) -> str:
    return "http" + url[2:] if url.startswith("ws") else url


def _origin(url: str) -> str:
    parts = urlsplit(_as_http(url))
    return f"{parts.scheme}://{parts.netloc}"
