"""GraphQL documents: parsed once, checked against the schema as Hasura checks them.

Knows no rows and no users. A document is cached by its text, since every participant
sends the same few.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from graphql import GraphQLError, Source, parse
from graphql.language import (
    ArgumentNode,
    BooleanValueNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)

from loadtest.node.versions import RECORDED, Schema

ARGUMENTS = {
    *("where", "order_by", "limit", "offset", "distinct_on"),
    *("cursor", "batch_size"),
}


class DocumentError(Exception):
    """A document that Hasura would refuse; text, path and code as Hasura has them."""

    def __init__(self, message: str, path: str = "$", code: str = "validation-failed"):
        super().__init__(message)
        self.path = path
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One selected field."""

    key: str
    """Alias or name: the key of the answer."""
    name: str
    type_name: str
    """Type of the selected object, "" for a scalar."""
    selection: tuple["Field", ...]
    json_path: str = ""
    """`path` argument of a JSON column, such as `$.svg`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One root field of an operation."""

    field: Field
    table: str
    """Row source: the root's name less `_aggregate` and `_stream`."""
    kind: str
    """`rows`, `aggregate` or `stream`."""
    arguments: tuple[ArgumentNode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A checked query or subscription."""

    operation: str
    name: str
    roots: tuple[Root, ...]
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A mutation as the middleware cuts it out: one function and its arguments."""

    name: str
    function: str
    arguments: tuple[ArgumentNode, ...]


@lru_cache(maxsize=1024)
def read_document(text: str, schema: Schema = RECORDED) -> Document:
    """Parse a query or subscription and check it by `schema`; raise DocumentError."""
    operation = _operation(text)
    kind = operation.operation.value
    if kind == "mutation":
        raise DocumentError("no mutations exist")
    roots = tuple(
        _root(node, kind, schema) for node in _fields(operation.selection_set)
    )
    if kind == "subscription" and len(roots) != 1:
        raise DocumentError("subscriptions must select one top level field")
    return Document(
        operation=kind,
        name=operation.name.value if operation.name else "",
        roots=roots,
        depth=_depth(operation.selection_set),
    )


@lru_cache(maxsize=256)
def read_mutation(text: str) -> Mutation:
    """Parse a mutation with one function; raise DocumentError."""
    operation = _operation(text)
    nodes = _fields(operation.selection_set)
    if operation.operation.value != "mutation" or len(nodes) != 1:
        raise DocumentError("one mutation function is expected")
    return Mutation(
        name=operation.name.value if operation.name else "",
        function=nodes[0].name.value,
        arguments=tuple(nodes[0].arguments or ()),
    )


def argument_values(
    nodes: tuple[ArgumentNode, ...], variables: Mapping[str, object]
) -> dict[str, object]:
    """Return the arguments as plain values, variables filled in."""
    return {node.name.value: _value(node.value, variables) for node in nodes}


def _operation(text: str) -> OperationDefinitionNode:
    try:
        document = parse(Source(text), no_location=True, max_tokens=5000)
    except (GraphQLError, RecursionError):
        raise DocumentError(
            "not a valid graphql query", "$.query", "validation-failed"
        ) from None
    definitions = document.definitions
    if len(definitions) != 1 or not isinstance(definitions[0], OperationDefinitionNode):
        raise DocumentError("exactly one operation has to be present in the document")
    return definitions[0]


def _fields(selection_set: SelectionSetNode | None) -> list[FieldNode]:
    if selection_set is None:
        return []
    nodes = []
    for node in selection_set.selections:
        if not isinstance(node, FieldNode):
            raise DocumentError("fragments are not used by BBB's client")
        nodes.append(node)
    return nodes


def _root(node: FieldNode, operation: str, schema: Schema) -> Root:
    name = node.name.value
    path = f"$.selectionSet.{name}"
    if name not in schema.roots or (name.endswith("_stream") and operation == "query"):
        raise DocumentError(
            f"field '{name}' not found in type: '{operation}_root'", path
        )
    for argument in node.arguments or ():
        if argument.name.value not in ARGUMENTS:
            raise DocumentError(
                f"'{name}' has no argument named '{argument.name.value}'", path
            )
    type_name = schema.roots[name]
    kind = "rows"
    table = name
    for suffix in ("aggregate", "stream"):
        if name.endswith(f"_{suffix}"):
            kind, table = suffix, name.removesuffix(f"_{suffix}")
    selection = _selection(node, type_name, path, schema)
    key = node.alias.value if node.alias else name
    return Root(
        field=Field(key=key, name=name, type_name=type_name, selection=selection),
        table=table,
        kind=kind,
        arguments=tuple(node.arguments or ()),
    )


def _selection(
    node: FieldNode, type_name: str, path: str, schema: Schema
) -> tuple[Field, ...]:
    children = _fields(node.selection_set)
    if not children:
        raise DocumentError(f"missing selection set for '{type_name}'", path)
    known = schema.types[type_name]
    selection: dict[str, Field] = {}
    for child in children:
        name = child.name.value
        child_path = f"{path}.selectionSet.{name}"
        if name != "__typename" and name not in known:
            raise DocumentError(
                f"field '{name}' not found in type: '{type_name}'", child_path
            )
        child_type = known.get(name, "")
        grandchildren: tuple[Field, ...] = ()
        if child_type:
            grandchildren = _selection(child, child_type, child_path, schema)
        elif child.selection_set is not None:
            raise DocumentError(
                "unexpected subselection set for non-object field", child_path
            )
        key = child.alias.value if child.alias else name
        selection.setdefault(
            key,
            Field(
                key=key,
                name=name,
                type_name=child_type,
                selection=grandchildren,
                json_path=_json_path(child),
            ),
        )
    return tuple(selection.values())


def _json_path(node: FieldNode) -> str:
    for argument in node.arguments or ():
        if argument.name.value == "path" and isinstance(
            argument.value, StringValueNode
        ):
            return argument.value.value
    return ""


def _depth(selection_set: SelectionSetNode | None) -> int:
    if selection_set is None:
        return 0
    children = _fields(selection_set)
    return 1 + max((_depth(node.selection_set) for node in children), default=0)


def _value(node: ValueNode, variables: Mapping[str, object]) -> object:
    match node:
        case VariableNode():
            return variables.get(node.name.value)
        case IntValueNode():
            return int(node.value)
        case FloatValueNode():
            return float(node.value)
        case StringValueNode() | EnumValueNode() | BooleanValueNode():
            return node.value
        case NullValueNode():
            return None
        case ListValueNode():
            return [_value(item, variables) for item in node.values]
        case ObjectValueNode():
            return {
                item.name.value: _value(item.value, variables) for item in node.fields
            }
        case _:
            raise DocumentError("a value of this kind is not supported")
