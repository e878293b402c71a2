"""The graphql-transport-ws conversation with BBB's middleware, without any I/O.

Text frames in, events out; frames to send wait in a queue. It knows ids, pings, patches
and refusals, and nothing of meetings: what the data means is `meeting.py`, what to ask
and when is `opening.py`. No sockets, no clock, no chance: ids come from the caller.

Sources: bbb-graphql-middleware (`config/Config.go`, `internal/msgpatch`), the
graphql-transport-ws protocol of the `graphql-ws` project, and tests/data/captures/.
"""

import enum
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bots.protocol.operations import Operation
from bots.protocol.patch import PatchMismatch, apply_patch

SUBPROTOCOL = "graphql-transport-ws"
LONGEST_FRAME_BYTES = 10_000_000
"""The middleware's own limit."""

CLOSED_FINAL = 4403
"""The client does not come back after this one."""
CLOSED_FULL = 1011
"""The server's connections are used up (`connections_limit_exceeded`)."""
CLOSED_BY_CLIENT = 4499
MOST_RENEWALS = 3
"""A subscription is made anew so often after a patch that does not fit."""

_log = logging.getLogger(__name__)


class State(enum.Enum):
    """`CLOSED` is left by `start`, on a new socket."""

    NEW = "new"
    INITIALISING = "initialising"
    READY = "ready"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The server took the session token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """An answer to a subscription, a query or a mutation, patches applied."""

    id: str
    operation: Operation
    value: Any = field(repr=False)
    """What stands under the root field: rows, an object, or true for a mutation."""
    is_patched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The server has said all about this operation."""

    id: str
    operation: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFailed:
    """One operation was refused, or its patch did not fit; the connection goes on."""

    id: str
    operation: Operation
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The middleware refuses the whole connection; the close frame follows or came."""

    code: str
    """Its messageId, or the close code where it gave none."""
    message: str
    is_final: bool
    """Whether a browser gives up (4403) or tries again later (all else)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The connection ended without a refusal."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A frame that the protocol does not allow; it was dropped."""

    detail: str


Event = Acknowledged | Data | Completed | OperationFailed | Refused | Lost | Violation


@dataclass(slots=True)
class _Running:
    operation: Operation
    variables: Mapping[str, Any]
    rows: list[Any] | None = None
    renewals: int = 0


class GraphqlClient:
    """One client's conversation, over one connection after the other.

    What is asked while no connection is acknowledged waits for it, and what is open
    when one is lost is asked again on the next under its old id, as the `graphql-ws`
    client does.
    """

    def __init__(
        self,
        *,
        session_token: str,
        client_session_uuid: str,
        new_id: Callable[[], str],
        is_mobile: bool = False,
    ) -> None:
        self.state = State.NEW
        self._headers = {
            "X-Session-Token": session_token,
            "X-ClientSessionUUID": client_session_uuid,
            "X-ClientType": "HTML5",
            "X-ClientIsMobile": "true" if is_mobile else "false",
        }
        self._new_id = new_id
        self._out: list[str] = []
        self._running: dict[str, _Running] = {}
        self._refusal: Refused | None = None

    def start(self) -> None:
        """Queue the `connection_init` with its four headers, the first or a new one."""
        assert self.state in (State.NEW, State.CLOSED), self.state
        self.state = State.INITIALISING
        self._refusal = None
        self._out.clear()
        self._send({"type": "connection_init", "payload": {"headers": self._headers}})

    def subscribe(
        self, operation: Operation, variables: Mapping[str, Any] | None = None
    ) -> str:
        """Queue an operation of any kind and return the id of its answers.

        What may be asked before the user has joined is the caller's business: the
        middleware holds most operations back until then, without a word.
        """
        running = _Running(operation, dict(variables or {}))
        return self._ask(running)

    def complete(self, operation_id: str) -> None:
        """Queue the end of a subscription; the server does not answer it."""
        was_running = self._running.pop(operation_id, None) is not None
        if was_running and self.state is State.READY:
            self._send({"id": operation_id, "type": "complete"})

    def messages_to_send(self) -> list[str]:
        """Return the frames that are due and forget them."""
        out, self._out = self._out, []
        return out

    @property
    def open_subscriptions(self) -> tuple[str, ...]:
        """Names of the subscriptions that are open now, in order."""
        return tuple(
            running.operation.name
            for running in self._running.values()
            if running.operation.kind == "subscription"
        )

    def receive(self, text: str) -> list[Event]:
        """Take one text frame and return what happened."""
        if self.state in (State.NEW, State.CLOSED):
            return []
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return [Violation(detail=f"a frame of {len(text)} characters is no JSON")]
        if not isinstance(message, dict):
            return [Violation(detail="a frame is no JSON object")]
        kind = message.get("type")
        if kind == "ping":
            pong = {"type": "pong"}
            if "payload" in message:
                pong["payload"] = message["payload"]
            self._send(pong)
            return []
        if kind == "connection_ack":
            return self._acknowledged()
        if kind in ("next", "error", "complete"):
            return self._answered(kind, str(message.get("id")), message.get("payload"))
        if kind == "pong":
            return []
        return [Violation(detail=f"a frame of the unknown type {kind!r}")]

    def closed(self, code: int | None, reason: str = "") -> list[Event]:
        """Tell that the socket is closed and return the outcome, once."""
        if self.state is State.CLOSED:
            return []
        self.state = State.CLOSED
        self._out.clear()
        if self._refusal is not None:
            return []
        if code in (CLOSED_FINAL, CLOSED_FULL):
            final = code == CLOSED_FINAL
            return [Refused(code=str(code), message=reason, is_final=final)]
        return [Lost(code=str(code or 1006), message=reason)]

    def _acknowledged(self) -> list[Event]:
        if self.state is not State.INITIALISING:
            return [Violation(detail=f"an acknowledgement while {self.state.value}")]
        self.state = State.READY
        for operation_id, running in self._running.items():
            running.rows = None
            self._say(operation_id, running)
        return [Acknowledged()]

    def _answered(self, kind: str, operation_id: str, payload: Any) -> list[Event]:
        running = self._running.get(operation_id)
        if running is None:
            # An answer may cross our `complete`, and -1 speaks of the connection.
            return self._refused(payload) if operation_id == "-1" else []
        operation = running.operation
        if kind == "next":
            return self._next(operation_id, running, payload)
        if kind == "complete":
            del self._running[operation_id]
            return [Completed(id=operation_id, operation=operation)]
        del self._running[operation_id]
        code, message = _first_error(payload)
        _log.info("%s was refused: %s", operation.name, message)
        return [
            OperationFailed(
                id=operation_id, operation=operation, code=code, message=message
            )
        ]

    def _refused(self, payload: Any) -> list[Event]:
        code, message = _first_error(payload)
        is_final = code != "connections_limit_exceeded"
        self._refusal = Refused(code=code, message=message, is_final=is_final)
        return [self._refusal]

    def _next(self, operation_id: str, running: _Running, payload: Any) -> list[Event]:
        operation = running.operation
        data = payload.get("data") if isinstance(payload, dict) else None
        if not isinstance(data, dict) or operation.root not in data:
            code, message = _first_error(payload)
            return [
                OperationFailed(
                    id=operation_id, operation=operation, code=code, message=message
                )
            ]
        value, is_patched = data[operation.root], "patch" in data
        if is_patched:
            try:
                if running.rows is None:
                    raise PatchMismatch("a patch came before any data", code="patch")
                value = apply_patch(running.rows, data["patch"])
            except PatchMismatch as mismatch:
                return self._renew(operation_id, running, str(mismatch))
        if operation.is_patched and isinstance(value, list):
            running.rows = value
        return [
            Data(
                id=operation_id,
                operation=operation,
                value=value,
                is_patched=is_patched,
            )
        ]

    def _renew(self, operation_id: str, running: _Running, message: str) -> list[Event]:
        """Ask for whole data again after a patch that did not fit."""
        self.complete(operation_id)
        if running.renewals < MOST_RENEWALS:
            running.renewals += 1
            running.rows = None
            self._ask(running)
        return [
            OperationFailed(
                id=operation_id,
                operation=running.operation,
                code="patch",
                message=message,
            )
        ]

    def _ask(self, running: _Running) -> str:
        operation_id = self._new_id()
        self._running[operation_id] = running
        if self.state is State.READY:
            self._say(operation_id, running)
        return operation_id

    def _say(self, operation_id: str, running: _Running) -> None:
        self._send(
            {
                "id": operation_id,
                "type": "subscribe",
                "payload": {
                    "variables": running.variables,
                    "extensions": {},
                    "operationName": running.operation.name,
                    "query": running.operation.query,
                },
            }
        )

    def _send(self, message: Mapping[str, Any]) -> None:
        # Compact: the middleware knows a mutation by the bytes `"query":"mutation`.
        self._out.append(json.dumps(message, separators=(",", ":"), ensure_ascii=False))


def _first_error(payload: Any) -> tuple[str, str]:
    """Return code and message of the first error, wherever the server put it."""
    if isinstance(payload, dict):
        payload = payload.get("errors")
    first = payload[0] if isinstance(payload, list) and payload else None
    if not isinstance(first, dict):
        return "malformed", "an answer without data and without an error"
    extensions = first.get("extensions")
    code = first.get("messageId")
    if code is None and isinstance(extensions, dict):
        code = extensions.get("code")
    return str(code or "error"), str(first.get("message") or "no message")[:500]
