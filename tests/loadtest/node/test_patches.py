import random

import jsonpatch
import pytest

from loadtest.node.patches import rows_patch


def row(number: int, **changes: object) -> dict[str, object]:
    fields = {"userId": f"w_{number}", "hand": False, "voice": None, "cameras": []}
    return {**fields, **changes, "__typename": "user"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([row(1)], [row(1)], []),
        (
            [row(1)],
            [row(1, hand=True)],
            [{"op": "replace", "path": "/0/hand", "value": True}],
        ),
        ([row(1), row(2)], [row(2)], [{"op": "remove", "path": "/0"}]),
        ([row(1)], [row(2), row(1)], [{"op": "add", "path": "/0", "value": row(2)}]),
        (
            [row(1), row(2)],
            [row(2), row(1)],
            [{"op": "move", "from": "/1", "path": "/0"}],
        ),
        (
            [{"a/b": 1}],
            [{"a/b": 2}],
            [{"op": "replace", "path": "/0/a~1b", "value": 2}],
        ),
        ([{"n": 1}], [{"n": True}], [{"op": "replace", "path": "/0/n", "value": True}]),
    ],
)
def test_a_change_costs_the_operations_that_a_middleware_would_send(old, new, expected):
    assert rows_patch(old, new) == expected


def test_users_are_not_followed_when_typename_is_not_the_last_field():
    def odd(number: int) -> dict[str, object]:
        return {"__typename": "user", "userId": f"w_{number}"}

    operations = rows_patch([odd(1), odd(2)], [odd(2), odd(1)])

    assert {operation["op"] for operation in operations} == {"replace"}


def test_an_independent_library_gets_from_any_list_to_any_other():
    rng = random.Random(5)

    def rows() -> list[dict[str, object]]:
        numbers = rng.sample(range(12), rng.randrange(12))
        return [
            row(
                number,
                hand=rng.random() < 0.5,
                voice=rng.choice([None, {"talking": rng.random() < 0.5}]),
                cameras=[{"streamId": str(i)} for i in range(rng.randrange(4))],
            )
            for number in numbers
        ]

    for _ in range(500):
        old, new = rows(), rows()

        assert jsonpatch.apply_patch(old, rows_patch(old, new)) == new
