"""Run a coroutine function as a test, and scale every test's patience by one variable.

`BBBLOAD_TIMEOUT_SCALE` (default 1) multiplies every limit given through `scaled`, so
that a slow or busy machine needs one setting and no edit. A limit is there to end a
test that hangs: no test may pass or fail by how fast it was.
"""

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, overload

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")

DEFAULT_LIMIT_S = 120.0
POLL_S = 0.02


def timeout_scale() -> float:
    """Return `BBBLOAD_TIMEOUT_SCALE`, 1 where it is unset; refuse what is no scale."""
    text = os.environ.get("BBBLOAD_TIMEOUT_SCALE", "1")
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale < 1000:
        raise ValueError(f"BBBLOAD_TIMEOUT_SCALE is {text!r}; give a number such as 3")
    return scale


def scaled(limit_s: float) -> float:
    """Return `limit_s` times the machine's timeout scale."""
    return limit_s * timeout_scale()


AsyncTest = Callable[Arguments, Coroutine[Any, Any, None]]
Test = Callable[Arguments, None]


@overload
def asynctest(test: AsyncTest[Arguments]) -> Test[Arguments]: ...
@overload
def asynctest(
    *, limit_s: float
) -> Callable[[AsyncTest[Arguments]], Test[Arguments]]: ...


def asynctest(test: Any = None, *, limit_s: float = DEFAULT_LIMIT_S) -> Any:
    """Decorate an async test: a fresh loop each, ended after `limit_s` (scaled).

    Use async context managers inside the test instead of async fixtures; ordinary
    fixtures and `parametrize` work, since pytest sees the test's own signature.
    """
    if test is None:
        return functools.partial(asynctest, limit_s=limit_s)

    async def limited(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(scaled(limit_s)):
            await test(*args, **kwargs)

    @functools.wraps(test)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        asyncio.run(limited(*args, **kwargs))

    return wrapper


async def eventually(
    condition: Callable[[], Value | Awaitable[Value]],
    *,
    limit_s: float = 30.0,
    what: str = "",
) -> Value:
    """Wait until `condition()` is true and return its value; fail after `limit_s`.

    The limit is scaled. `condition` may be a coroutine function.
    """
    value: Any = None
    try:
        async with asyncio.timeout(scaled(limit_s)):
            while True:
                value = condition()
                if isinstance(value, Awaitable):
                    value = await value
                if value:
                    break
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        name = what or getattr(condition, "__name__", "the condition")
        raise AssertionError(
            f"{name} did not come true within {scaled(limit_s):g} s; last: {value!r}"
        ) from None
    return value  # type: ignore[no-any-return]
