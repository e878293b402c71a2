"""Answers that somebody waits for, and those that nobody takes any more."""

import asyncio
import gc

import pytest

from bots.awaited import Awaited
from bots.errors import Dropped
from tests.support.asynctest import asynctest

LOST = Dropped("the connection was lost", code="graphql 1006")


@asynctest
async def test_a_failure_is_passed_on_to_who_waits():
    awaited = Awaited()
    answer = awaited.expect("1")

    assert awaited.settle("1", LOST)
    assert not awaited.settle("2", LOST)
    with pytest.raises(Dropped):
        await answer


@asynctest
async def test_a_failure_that_came_beside_is_raised_when_it_is_asked_for():
    awaited = Awaited()
    awaited.expect("1")
    awaited.fail_all(LOST)

    with pytest.raises(Dropped):
        awaited.check("1")


@asynctest
async def test_a_failure_that_nobody_takes_is_told_to_nobody():
    told = []
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: told.append(context)
    )
    awaited = Awaited()
    awaited.expect("1")

    awaited.fail_all(LOST)
    awaited.forget("1")
    gc.collect()

    assert told == []
