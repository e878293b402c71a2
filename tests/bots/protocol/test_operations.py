"""Our documents against the schema's reference parser and the recorded browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import DocumentNode, FieldNode, OperationDefinitionNode, parse, print_ast

from bots.protocol import operations
from bots.protocol.operations import Operation

CAPTURES = Path(__file__).parents[2] / "data" / "captures"
OURS = {
    value.name: value
    for value in vars(operations).values()
    if isinstance(value, Operation)
}


def recorded() -> Iterator[tuple[str, str]]:
    session = json.loads((CAPTURES / "bbb-3.0-graphql-session.json").read_text())
    seen = set()
    for frame in session["frames"]:
        payload = frame["message"].get("payload")
        if isinstance(payload, dict) and "operationName" in payload:
            name = payload["operationName"]
            if name not in seen:
                seen.add(name)
                yield name, payload["query"]


RECORDED = dict(recorded())


def definition(text: str) -> OperationDefinitionNode:
    document: DocumentNode = parse(text)
    (only,) = document.definitions
    assert isinstance(only, OperationDefinitionNode)
    return only


def root_of(node: OperationDefinitionNode) -> FieldNode:
    (field,) = node.selection_set.selections
    assert isinstance(field, FieldNode)
    return field


def shape(node: OperationDefinitionNode) -> tuple[object, ...]:
    """Everything of a document but its layout: what the server can notice of it."""
    root = root_of(node)
    return (
        node.operation,
        sorted(print_ast(variable) for variable in node.variable_definitions or ()),
        root.name.value,
        sorted(print_ast(argument) for argument in root.arguments or ()),
        print_ast(root.selection_set) if root.selection_set else "",
    )


def test_the_recorded_session_has_the_operations_that_its_table_lists():
    assert len(RECORDED) == 34


@pytest.mark.parametrize("name", RECORDED)
def test_each_recorded_operation_is_ours_with_equal_selection(name):
    ours, theirs = definition(OURS[name].query), definition(RECORDED[name])

    assert shape(ours) == shape(theirs)


@pytest.mark.parametrize("operation", OURS.values(), ids=OURS)
def test_each_document_suits_the_text_rules_of_the_middleware(operation):
    node = definition(operation.query)

    assert node.name is not None
    assert node.name.value == operation.name
    assert node.operation.value == operation.kind
    assert root_of(node).name.value == operation.root
    assert operation.query.startswith(operation.kind)
    assert not re.search(r"\s{2}|\n", operation.query)
    assert len(operation.query) <= 5000
    if operation.root.endswith("_stream"):
        assert "_stream(" in operation.query
        assert "cursor: {" in operation.query
    if operation.root.endswith("_aggregate"):
        assert "aggregate {" in operation.query


@pytest.mark.parametrize(
    "operation",
    [o for o in OURS.values() if o.kind == "mutation"],
    ids=lambda operation: operation.name,
)
def test_a_mutation_names_its_function_first_and_passes_variables_alone(operation):
    inside = operation.query.split("{", 1)[1].strip()

    assert re.match(rf"{operation.root}\b", inside)
    for argument in root_of(definition(operation.query)).arguments or ():
        assert argument.value.kind == "variable"


def test_names_are_unique_and_patched_ones_are_told_by_their_prefix():
    assert OURS["Patched_VideoStreams"].is_patched
    assert not OURS["UsersCount"].is_patched
