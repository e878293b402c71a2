"""Operations answered from the tables: once for all viewers who would see the same.

As Hasura does, equal subscriptions (text, variables, rights) are evaluated once per
change; here that also spares the stand-in node its CPU.
"""

import json
import zlib
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from loadtest.node.documents import Document, Root, argument_values
from loadtest.node.meeting import Meeting
from loadtest.node.patches import rows_patch
from loadtest.node.select_rows import matches, ordered, project, window
from loadtest.node.tables import TABLES, Viewer, cursor_time, viewer_key
from loadtest.node.times import read_time

CACHE_LIMIT = 2000
PATCH_FROM_CHARS = 250
"""Data no longer than this is always sent whole."""
Variables = dict[str, object]


def compact(value: object) -> str:
    """Return JSON as BBB's middleware writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@dataclass(slots=True, kw_only=True, eq=False)
class Answer:
    """The `data` of an operation, as value and as text."""

    key: str
    """Key of the (first) root field."""
    data: dict[str, Any]
    text: str
    crc: int
    patches: dict[int, str] = field(default_factory=dict)

    def patch_from(self, base: "Answer") -> str | None:
        """Return the patch `base` -> self where the middleware would send one.

        It does so for an array when the data is longer than 250 characters and the
        patch shorter than half of it.
        """
        old, new = base.data[base.key], self.data[self.key]
        if len(self.text) <= PATCH_FROM_CHARS or not isinstance(new, list):
            return None
        patch = self.patches.get(base.crc)
        if patch is None:
            patch = self.patches[base.crc] = compact(rows_patch(old, new))
        return patch if len(patch) * 2 < len(self.text) else None


@dataclass(slots=True, kw_only=True)
class StreamPosition:
    """How far a streaming subscription has come."""

    time_s: float
    sent: set[str] = field(default_factory=set)
    """Rows already sent that bear exactly this time."""


class Evaluations:
    """Answers operations and keeps the answers until a topic of theirs changes."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[
            Meeting, dict[tuple[str, str, str], tuple[tuple[int, ...], Answer]]
        ] = WeakKeyDictionary()

    def answer(
        self, document: Document, text: str, variables: Variables, viewer: Viewer
    ) -> Answer:
        """Return the present answer of a query or a (not streaming) subscription."""
        meeting = viewer.meeting
        tables = [root.table for root in document.roots]
        keys = "".join(viewer_key(table, viewer) for table in tables)
        topics = {topic for table in tables for topic in TABLES[table].topics}
        versions = tuple(meeting.versions.get(topic, 0) for topic in sorted(topics))
        kept = self._kept.setdefault(meeting, {})
        identity = (text, compact(variables), keys)
        found = kept.get(identity)
        if found is not None and found[0] == versions and "current_time" not in tables:
            return found[1]
        data = {
            root.field.key: _root(root, variables, viewer) for root in document.roots
        }
        body = compact(data)
        answer = Answer(
            key=document.roots[0].field.key,
            data=data,
            text=body,
            crc=zlib.crc32(body.encode()),
        )
        if len(kept) >= CACHE_LIMIT:
            kept.clear()
        kept[identity] = (versions, answer)
        return answer


def stream_start(root: Root, variables: Variables) -> StreamPosition:
    """Return where a stream begins: its cursor's initial value; raise ValueError."""
    cursor = argument_values(root.arguments, variables).get("cursor")
    if isinstance(cursor, list):
        cursor = cursor[0] if cursor else None
    initial = cursor.get("initial_value") if isinstance(cursor, dict) else None
    if not isinstance(initial, dict) or not initial:
        raise ValueError("cursor without an initial value")
    value = next(iter(initial.values()))
    return StreamPosition(time_s=0.0 if value is None else read_time(value))


def stream_batches(
    root: Root, variables: Variables, viewer: Viewer, position: StreamPosition
) -> list[str]:
    """Return the `data` of the batches that are due, and move `position` past them."""
    arguments = argument_values(root.arguments, variables)
    where, size = arguments.get("where"), arguments.get("batch_size")
    due = []
    for row in TABLES[root.table].rows(viewer):
        time_s = cursor_time(row, root.table)
        if time_s >= position.time_s and matches(row, where):
            shown = project(row, root.field.selection, root.field.type_name)
            if root.table == "notification":
                shown = dict(sorted(shown.items()))
            body = compact(shown)
            if time_s > position.time_s or body not in position.sent:
                due.append((time_s, body))
    due.sort(key=lambda item: item[0])
    for time_s, body in due:
        if time_s > position.time_s:
            position.time_s = time_s
            position.sent = set()
        position.sent.add(body)
    step = size if isinstance(size, int) and size > 0 else 100
    if root.table == "notification":
        step = 1  # the middleware passes each on as it comes
    return [
        f'{{"{root.field.key}":[{",".join(body for _, body in due[i : i + step])}]}}'
        for i in range(0, len(due), step)
    ]


def _root(root: Root, variables: Variables, viewer: Viewer) -> Any:
    arguments = argument_values(root.arguments, variables)
    where = arguments.get("where")
    rows = [row for row in TABLES[root.table].rows(viewer) if matches(row, where)]
    if root.kind == "aggregate":
        return _aggregate(root, len(rows))
    rows = ordered(rows, arguments.get("order_by"))
    shown = window(rows, arguments.get("limit"), arguments.get("offset"))
    field_ = root.field
    return [project(row, field_.selection, field_.type_name) for row in shown]


def _aggregate(root: Root, count: int) -> dict[str, Any]:
    row = {"aggregate": {"count": count}}
    return project(row, root.field.selection, root.field.type_name)
