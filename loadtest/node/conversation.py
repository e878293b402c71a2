"""One `/graphql` connection, without its socket: frames in, frames out.

Plays bbb-graphql-middleware. `receive` takes a frame, `refresh` evaluates what changed,
`tick` looks at the clock; `frames` holds what is to be sent, and `closing` how the
connection is to be closed once that is out.

    NEW ──connection_init──▶ WAITING ──ack──▶ OPEN ──▶ CLOSED
"""

import json
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

from loadtest.node import all_mutations as mutations
from loadtest.node import user_mutations
from loadtest.node.connections import Connections, TokenBucket
from loadtest.node.documents import DocumentError, argument_values, read_mutation
from loadtest.node.effort import GRAPHQL_UNITS, Effort
from loadtest.node.evaluation import Evaluations, compact
from loadtest.node.settings import NodeSettings
from loadtest.node.state import REMOVED_WITH_REJOIN, Node, Session
from loadtest.node.subscriptions import RefusedOperation, Subscriptions
from loadtest.node.tables import Viewer

HEADERS = ("X-Session-Token", "X-ClientSessionUUID", "X-ClientType", "X-ClientIsMobile")
PING = '{"type":"ping","payload":{"message":"keepalive"}}'
ACTIONS_FAILED = (
    "It was not able to send the request to Graphql Actions: "
    "graphql actions request failed: "
)


class State(Enum):
    """Where a connection stands."""

    NEW = auto()
    WAITING = auto()
    OPEN = auto()
    CLOSED = auto()


class Conversation:
    """The server's side of one GraphQL connection."""

    def __init__(
        self,
        *,
        node: Node,
        settings: NodeSettings,
        effort: Effort,
        connections: Connections,
        evaluations: Evaluations,
        cookie: str | None,
        base_url: str,
        wake: Callable[[], None],
    ) -> None:
        self.frames: deque[str] = deque()
        self.closing: tuple[int, str] | None = None
        self.is_cut = False
        """The socket is to be dropped without a word."""
        self.is_stale = False
        """Something changed since the last refresh."""
        self.state = State.NEW
        self.session: Session | None = None
        limits = settings.limits
        self._node = node
        self._settings = settings
        self._limits = limits
        self._effort = effort
        self._connections = connections
        self._cookie = cookie
        self._base_url = base_url
        self._wake = wake
        self._client_session = ""
        self._subscriptions = Subscriptions(
            limits=limits,
            schema=settings.schema,
            evaluations=evaluations,
            viewer=self._viewer,
            send=self._send_data,
        )
        self._held: dict[str, dict[str, Any]] = {}
        """Subscribes that wait for the join, by id."""
        self._delayed: deque[tuple[float, dict[str, Any]]] = deque()
        """Subscribes over the rate, with the time at which they are due."""
        self._topics: set[str] = set()
        self._is_upstream_new = False
        self._stop_watching: Callable[[], None] | None = None
        now_s = node.now_s()
        self._heard_s = self._pinged_s = self._opened_s = now_s
        self._ack_s = self._joined_s = 0.0
        self._queries = TokenBucket(limits.queries_per_minute, 60.0, now_s)
        self._mutations = TokenBucket(limits.mutations_per_minute, 60.0, now_s)

    # -- what the driver calls -------------------------------------------------

    def open(self) -> None:
        """Begin; a full server refuses at once."""
        full = self._connections.total > self._limits.max_connections
        if full or self._settings.faults.connections_limit:
            text = "limit of server connections exceeded"
            self._refuse("connections_limit_exceeded", text, code=1011)

    def receive(self, text: str) -> None:
        """Take one text frame of the client."""
        self._heard_s = self._node.now_s()
        if self.closing is not None:
            return
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "connection_init":
            self._initialise(message)
        elif kind == "ping":
            self._send('{"type":"pong"}')
        elif kind == "pong":
            pass
        elif kind == "subscribe":
            self._receive_subscribe(message, text)
        elif kind == "complete":
            self._stop(str(message.get("id")))
        else:
            self._close(4400, "Invalid message received")

    def refresh(self) -> None:
        """Send what the changes since the last refresh made new."""
        self.is_stale = False
        if self.state is not State.OPEN or self.session is None or self.closing:
            return
        topics, self._topics = self._topics, set()
        if self._is_upstream_new:
            self._renew_upstream()
        self._subscriptions.refresh(topics, is_joined=self.session.user.joined)

    def tick(self) -> None:
        """Do what the clock asks for: ack, pings, idle close, delayed frames."""
        now_s = self._node.now_s()
        if self.closing is not None:
            return
        if now_s - self._heard_s >= self._limits.idle_s:
            self._close(1000, "idle timeout")
        elif self.state is State.WAITING and now_s >= self._ack_s:
            self._acknowledge()
        elif self.state is State.OPEN:
            if now_s - self._pinged_s >= self._limits.ping_s:
                self._ping()
            while self._delayed and self._delayed[0][0] <= now_s:
                self._subscribe(self._delayed.popleft()[1])
            self._misbehave(now_s)

    def closed(self) -> None:
        """Forget the connection: its socket is gone."""
        self.state = State.CLOSED
        if self._stop_watching is not None:
            self._stop_watching()
            self._stop_watching = None
        if self.session is not None:
            self._connections.leave(self.session.token)
            self.session.meeting.disconnected(self.session.user)
            self.session = None

    # -- opening ---------------------------------------------------------------

    def _initialise(self, message: Mapping[str, Any]) -> None:
        if self.state is not State.NEW:
            self._close(4429, "Too many initialisation requests")
            return
        payload = message.get("payload")
        headers = payload.get("headers") if isinstance(payload, dict) else None
        headers = headers if isinstance(headers, dict) else {}
        for name in HEADERS:
            if not isinstance(headers.get(name), str) or not headers[name]:
                text = f"{name} header missing on init connection"
                self._refuse("param_missing", text)
                return
        session = self._node.session(headers["X-Session-Token"], self._cookie)
        refuse = self._settings.faults.refuse_connection
        if refuse:
            self._refuse(refuse, "refused on purpose")
        elif session is None:
            text = "error on checking sessionToken authorization"
            self._refuse("check_authorization_error", text)
        elif session.meeting.id not in self._node.meetings:
            self._refuse("meeting_not_found", "meeting not found")
        elif session.replaced:
            self._refuse("session_token_replaced", "session token replaced")
        elif not self._connections.enter(session.token):
            limit = self._limits.max_connections_per_session
            text = f"more than {limit} connections of one session token"
            self._refuse("too_many_connections", text)
        else:
            self._accept(session, headers["X-ClientSessionUUID"])

    def _accept(self, session: Session, client_session: str) -> None:
        self.session = session
        self._client_session = client_session
        self.state = State.WAITING
        meeting = session.meeting
        meeting.connected(session.user)
        self._stop_watching = meeting.watch(self._changed)
        if client_session not in meeting.connection_status:
            user_mutations.open_connection_status(session, client_session)
        self._ping()
        slow_ack_s = self._settings.faults.slow_ack
        self._ack_s = self._node.now_s() + slow_ack_s
        if not slow_ack_s:
            self._acknowledge()

    def _acknowledge(self) -> None:
        self.state = State.OPEN
        self._opened_s = self._joined_s = self._node.now_s()
        self._send('{"type":"connection_ack"}')
        self._ping()

    def _ping(self) -> None:
        self._pinged_s = self._node.now_s()
        self._send(PING)

    # -- operations ------------------------------------------------------------

    def _receive_subscribe(self, message: dict[str, Any], text: str) -> None:
        if self.state is not State.OPEN:
            self._close(4401, "Unauthorized")
            return
        self._effort.spend(GRAPHQL_UNITS)
        identity, payload = message.get("id"), message.get("payload")
        query = payload.get("query") if isinstance(payload, dict) else None
        if not isinstance(identity, str) or not isinstance(query, str):
            self._close(4400, "Invalid message received")
            return
        if self._subscriptions.has(identity) or identity in self._held:
            self._close(4409, f"Subscriber for {identity} already exists")
            return
        # The middleware knows a mutation by these very characters of the raw frame.
        is_mutation = message["mutation"] = '"query":"mutation' in text
        bucket = self._mutations if is_mutation else self._queries
        now_s = self._node.now_s()
        wait_s = bucket.take(now_s, longest_s=self._limits.rate_wait_s)
        if wait_s is None:
            kind = "mutations" if is_mutation else "queries"
            self._fail(
                identity,
                f"Rate limit exceeded: Maximum {bucket.size:.0f} {kind} per minute "
                "allowed. Please try again later.",
            )
        elif wait_s > 0 or self._delayed:
            self._delayed.append((now_s + wait_s, message))
        else:
            self._subscribe(message)

    def _subscribe(self, message: dict[str, Any]) -> None:
        assert self.session is not None
        identity, payload = message["id"], message["payload"]
        variables = payload.get("variables")
        variables = variables if isinstance(variables, dict) else {}
        if message["mutation"]:
            self._mutate(identity, payload["query"], variables)
            return
        name = str(payload.get("operationName") or "")
        allowed = self._settings.schema.before_join
        if not self.session.user.joined and name not in allowed:
            if len(self._held) < self._limits.concurrent_subscriptions:
                self._held[identity] = message
            return
        try:
            self._subscriptions.start(identity, name, payload["query"], variables)
        except DocumentError as refused:
            self._fail_as_hasura(identity, refused)
        except RefusedOperation as refused:
            self._fail(identity, str(refused))

    def _stop(self, identity: str) -> None:
        self._subscriptions.stop(identity)
        self._held.pop(identity, None)

    def _mutate(self, identity: str, query: str, variables: dict[str, object]) -> None:
        assert self.session is not None
        caller = mutations.Caller(
            session=self.session,
            client_session=self._client_session,
            faults=self._settings.faults,
            unknown_arguments=self._settings.schema.unknown_arguments,
        )
        try:
            if len(query) > self._limits.mutation_length:
                raise mutations.RefusedMutation("the mutation is longer than allowed")
            mutation = read_mutation(query)
            arguments = argument_values(mutation.arguments, variables)
            mutations.call(mutation.function, arguments, caller)
        except (DocumentError, mutations.RefusedMutation) as refused:
            self._fail(identity, f"{ACTIONS_FAILED}{refused}")
            return
        data = f'{{"data":{{{compact(mutation.function)}:true}}}}'
        key = compact(identity)
        self._send(f'{{"id":{key},"payload":{data},"type":"next"}}')
        self._send(f'{{"id":{key},"type":"complete"}}')

    # -- changes ---------------------------------------------------------------

    def _viewer(self, since_s: float) -> Viewer:
        assert self.session is not None
        return Viewer(
            meeting=self.session.meeting,
            session=self.session,
            base_url=self._base_url,
            now_s=self._node.now_s(),
            since_s=since_s,
        )

    def _changed(self, topic: str, user_id: str) -> None:
        if self.session is None:
            return
        if topic == "forgotten":
            self._refuse("meeting_not_found", "meeting not found")
        elif topic == "session" and self.session.replaced:
            self._refuse("session_token_replaced", "session token replaced")
        elif topic != "role" or user_id == self.session.user.id:
            self._is_upstream_new = self._is_upstream_new or topic == "role"
            self._topics.add(topic)
            if not self.is_stale:
                self.is_stale = True
                self._wake()

    def _renew_upstream(self) -> None:
        """Reconnect to Hasura with new rights: data comes whole, held frames go in."""
        assert self.session is not None
        self._is_upstream_new = False
        self._ping()
        self._ping()
        self._subscriptions.renew()
        if self.session.user.joined:
            self._joined_s = self._node.now_s()
            held, self._held = self._held, {}
            for message in held.values():
                self._subscribe(message)

    # -- refusing, failing, sending --------------------------------------------

    def _misbehave(self, now_s: float) -> None:
        assert self.session is not None
        faults, session = self._settings.faults, self.session
        if faults.drop_graphql and now_s - self._opened_s >= faults.drop_graphql:
            if self._connections.once("drop", session.token):
                self.is_cut = True
                self._wake()
        user, meeting = session.user, session.meeting
        stayed_s = now_s - self._joined_s if user.joined else 0.0
        if faults.deny_guests and user.guest_status == "WAIT":
            meeting.decide_guest(user, "DENY")
        if faults.eject and stayed_s >= 1.0:
            if self._connections.once("eject", user.id):
                reason, is_logout = faults.removal()
                meeting.remove(user, reason=reason, logged_out=is_logout)
        if 0.0 < faults.disconnect_user <= stayed_s:
            if self._connections.once("disconnect", user.id):
                meeting.remove(user, reason=REMOVED_WITH_REJOIN)

    def _refuse(self, message_id: str, text: str, *, code: int = 4403) -> None:
        payload = [{"messageId": message_id, "message": text}]
        self._send(compact({"id": "-1", "type": "error", "payload": payload}))
        self._close(code, text)

    def _close(self, code: int, reason: str) -> None:
        if self.closing is None:
            self.closing = (code, reason)
            self._wake()

    def _fail(self, identity: str, text: str) -> None:
        payload = [{"message": text}]
        self._send(compact({"id": identity, "type": "error", "payload": payload}))
        self._send(compact({"id": identity, "type": "complete"}))

    def _fail_as_hasura(self, identity: str, refused: DocumentError) -> None:
        error = {
            "message": str(refused),
            "extensions": {"path": refused.path, "code": refused.code},
        }
        self._send(compact({"type": "error", "id": identity, "payload": [error]}))
        self._send(compact({"type": "complete", "id": identity}))

    def _send_data(self, frame: str) -> None:
        self._effort.spend(GRAPHQL_UNITS)
        self._send(frame)

    def _send(self, frame: str) -> None:
        if len(self.frames) >= self._limits.queue_limit:
            self.is_cut = True
        else:
            self.frames.append(frame)
        self._wake()
