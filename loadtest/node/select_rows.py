"""Hasura's way with rows: where, order_by, limit, offset; then the selected fields.

Rows in, plain JSON values out; knows nothing of meetings.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from loadtest.node.documents import DocumentError, Field

Row = dict[str, Any]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "_eq": lambda value, wanted: value == wanted,
    "_neq": lambda value, wanted: value != wanted,
    "_gt": lambda value, wanted: value is not None and value > wanted,
    "_gte": lambda value, wanted: value is not None and value >= wanted,
    "_lt": lambda value, wanted: value is not None and value < wanted,
    "_lte": lambda value, wanted: value is not None and value <= wanted,
    "_in": lambda value, wanted: value in wanted,
    "_nin": lambda value, wanted: value not in wanted,
    "_is_null": lambda value, wanted: (value is None) == wanted,
    "_like": lambda value, wanted: _like(value, wanted, 0),
    "_ilike": lambda value, wanted: _like(value, wanted, re.IGNORECASE),
}


def matches(row: Row, where: object) -> bool:
    """Return whether `row` satisfies a `where` expression; raise DocumentError."""
    if where is None:
        return True
    if not isinstance(where, Mapping):
        raise DocumentError("expected an object for the argument 'where'")
    return all(_holds(row, name, wanted) for name, wanted in where.items())


def ordered(rows: Iterable[Row], order_by: object) -> list[Row]:
    """Return `rows` in the order of `order_by`, stable where it is silent."""
    rows = list(rows)
    for column, direction in reversed(list(_order_columns(order_by))):
        descending = direction.startswith("desc")
        # Postgres puts nulls last when ascending and first when descending.
        nulls_last = direction.endswith("nulls_last") or (
            not descending and not direction.endswith("nulls_first")
        )
        present = [row for row in rows if resolve(row, column) is not None]
        absent = [row for row in rows if resolve(row, column) is None]
        present.sort(key=lambda row: resolve(row, column), reverse=descending)
        rows = [*present, *absent] if nulls_last else [*absent, *present]
    return rows


def window(rows: Sequence[Row], limit: object, offset: object) -> Sequence[Row]:
    """Return the part of `rows` that limit and offset leave."""
    start = offset if isinstance(offset, int) and offset > 0 else 0
    if isinstance(limit, int) and limit >= 0:
        return rows[start : start + limit]
    return rows[start:]


def project(row: Row, selection: tuple[Field, ...], type_name: str) -> Row:
    """Return the selected fields of `row`, keys in the order of the selection."""
    answer: Row = {}
    for field in selection:
        if field.name == "__typename":
            answer[field.key] = type_name
            continue
        value = resolve(row, field.name)
        if field.json_path and isinstance(value, dict):
            value = value.get(field.json_path.removeprefix("$."))
        if field.selection and isinstance(value, dict):
            value = project(value, field.selection, field.type_name)
        elif field.selection and isinstance(value, list):
            value = [project(item, field.selection, field.type_name) for item in value]
        answer[field.key] = value
    return answer


def resolve(row: Row, name: str) -> Any:
    """Return a field of a row, making its relation if it is one."""
    value = row.get(name)
    return value() if callable(value) else value


def _holds(row: Row, name: str, wanted: object) -> bool:
    if name == "_and":
        return all(matches(row, part) for part in _parts(wanted))
    if name == "_or":
        return any(matches(row, part) for part in _parts(wanted))
    if name == "_not":
        return not matches(row, wanted)
    if name not in row:
        raise DocumentError(f"field '{name}' not found in type: 'bool_exp'")
    if not isinstance(wanted, Mapping):
        raise DocumentError(f"expected an object for '{name}'")
    value = resolve(row, name)
    if all(key in COMPARISONS for key in wanted):
        return all(COMPARISONS[key](value, limit) for key, limit in wanted.items())
    if isinstance(value, list):
        return any(matches(item, wanted) for item in value)
    return value is not None and matches(value, wanted)


def _parts(wanted: object) -> list[object]:
    return wanted if isinstance(wanted, list) else [wanted]


def _order_columns(order_by: object) -> Iterable[tuple[str, str]]:
    for item in _parts(order_by):
        if isinstance(item, Mapping):
            for column, direction in item.items():
                if isinstance(direction, str):
                    yield column, direction


def _like(value: object, pattern: object, flags: int) -> bool:
    if not isinstance(value, str) or not isinstance(pattern, str):
        return False
    expression = re.escape(pattern).replace("%", ".*").replace("_", ".")
    return re.fullmatch(expression, value, flags) is not None
