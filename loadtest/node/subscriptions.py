"""The open subscriptions of one connection: what to send for each, and when nothing.

Plays Hasura and the patching half of bbb-graphql-middleware. Frames go to `send`; no
socket and no clock here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from loadtest.node.documents import Document, DocumentError, read_document
from loadtest.node.evaluation import (
    Answer,
    Evaluations,
    StreamPosition,
    compact,
    stream_batches,
    stream_start,
)
from loadtest.node.settings import GraphqlLimits
from loadtest.node.tables import TABLES, Viewer
from loadtest.node.versions import Schema


class RefusedOperation(Exception):
    """A limit of the middleware refuses the operation; its text is the argument."""


@dataclass(slots=True, kw_only=True, eq=False)
class Subscription:
    """An open subscription and what was last sent for it."""

    id: str
    name: str
    """The operation name that the client gave; the middleware goes by it."""
    document: Document
    text: str
    variables: dict[str, object]
    stream: StreamPosition | None = None
    base: Answer | None = None
    """What a patch can start from; None after the upstream connection was made anew."""
    crc: int | None = None

    @property
    def is_patched(self) -> bool:
        return self.name.startswith("Patched_")


class Subscriptions:
    """Starts, evaluates and stops the operations of one connection."""

    def __init__(
        self,
        *,
        limits: GraphqlLimits,
        schema: Schema,
        evaluations: Evaluations,
        viewer: Callable[[float], Viewer],
        send: Callable[[str], None],
    ) -> None:
        self._limits = limits
        self._schema = schema
        self._evaluations = evaluations
        self._viewer = viewer
        """Makes the viewer; the argument is the time from which logs matter."""
        self._send = send
        self._open: dict[str, Subscription] = {}

    def has(self, identity: str) -> bool:
        """Return whether a subscription of this id is open."""
        return identity in self._open

    def start(
        self, identity: str, name: str, text: str, variables: dict[str, object]
    ) -> None:
        """Answer a query at once, or open a subscription.

        Raises DocumentError (Hasura's refusal) or RefusedOperation (a limit).
        """
        limits = self._limits
        if len(text) > limits.query_length:
            raise RefusedOperation(f"Query {name} is longer than allowed")
        document = read_document(text, self._schema)
        if document.depth > limits.query_depth:
            raise RefusedOperation(
                f"Query {name} is not valid with depth {document.depth} and the max "
                f"allowed is {limits.query_depth}"
            )
        subscription = Subscription(
            id=identity, name=name, document=document, text=text, variables=variables
        )
        if document.operation == "query":
            self._send_data(identity, self._answer(subscription).text)
            self._send(f'{{"type":"complete","id":{compact(identity)}}}')
            return
        if len(self._open) >= limits.concurrent_subscriptions:
            raise RefusedOperation(
                f"Limit exceeded: Maximum {limits.concurrent_subscriptions} concurrent "
                "subscriptions allowed."
            )
        root = document.roots[0]
        if root.kind == "stream":
            try:
                subscription.stream = stream_start(root, variables)
            except ValueError as wrong:
                path = f"$.selectionSet.{root.field.name}"
                raise DocumentError(str(wrong), path) from wrong
        self._evaluate(subscription)
        self._open[identity] = subscription

    def stop(self, identity: str) -> None:
        """Close a subscription; nothing is answered."""
        self._open.pop(identity, None)

    def refresh(self, topics: set[str], *, is_joined: bool) -> None:
        """Send what is new for the subscriptions that `topics` touch.

        For users who are not in the meeting all but the allowed ones are quiet.
        """
        for subscription in tuple(self._open.values()):
            if not is_joined and subscription.name not in self._schema.before_join:
                continue
            table = TABLES[subscription.document.roots[0].table]
            if "role" in topics or topics.intersection(table.topics):
                self._evaluate(subscription)

    def renew(self) -> None:
        """Send whole data next, since the upstream connection was made anew."""
        for subscription in self._open.values():
            subscription.base = None

    def _answer(self, subscription: Subscription) -> Answer:
        return self._evaluations.answer(
            subscription.document,
            subscription.text,
            subscription.variables,
            self._viewer(0.0),
        )

    def _evaluate(self, subscription: Subscription) -> None:
        if subscription.stream is not None:
            self._evaluate_stream(subscription, subscription.stream)
            return
        answer = self._answer(subscription)
        base, subscription.base = subscription.base, answer
        if answer.crc == subscription.crc:
            return
        subscription.crc = answer.crc
        patch = None
        if subscription.is_patched and base is not None:
            patch = answer.patch_from(base)
        data = answer.text
        if patch is not None:
            data = f'{{{compact(answer.key)}:[],"patch":{patch}}}'
        self._send_data(subscription.id, data)

    def _evaluate_stream(
        self, subscription: Subscription, position: StreamPosition
    ) -> None:
        root = subscription.document.roots[0]
        viewer = self._viewer(position.time_s)
        for batch in stream_batches(root, subscription.variables, viewer, position):
            if root.table == "notification":
                # Made by the middleware itself, which writes its keys sorted.
                key, data = compact(subscription.id), f'{{"data":{batch}}}'
                self._send(f'{{"id":{key},"payload":{data},"type":"next"}}')
            else:
                self._send_data(subscription.id, batch)

    def _send_data(self, identity: str, data: str) -> None:
        key, payload = compact(identity), f'{{"data":{data}}}'
        self._send(f'{{"type":"next","id":{key},"payload":{payload}}}')
