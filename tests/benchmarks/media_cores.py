"""What a second core of this machine adds to plain arithmetic.

Two virtual cores may be two threads of one real core, or be shared with others. What
two engines carry at best is what two loops do that touch neither memory nor kernel;
so both are measured in the same minutes.
"""

import multiprocessing
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

LOOP_S = 1.5
CHUNK = 20_000
LIMIT_S = 60.0


def gain() -> float:
    """Return the work of two loops side by side over the work of one alone.

    Raises EOFError where a loop told nothing within LIMIT_S.
    """
    return sum(_loops(2)) / sum(_loops(1))


def _loops(count: int) -> list[float]:
    """Return the additions a second of so many loops that run at the same time."""
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(count)
    running = []
    for _ in range(count):
        result, reply = context.Pipe(duplex=False)
        process = context.Process(target=_loop, args=(together, reply))
        process.start()
        reply.close()
        running.append((result, process))
    try:
        return [_told(result) for result, _ in running]
    finally:
        for _, process in running:
            process.join(LOOP_S)
            process.kill()


def _told(result: Connection) -> float:
    if not result.poll(LIMIT_S):
        raise EOFError(f"no result within {LIMIT_S:g} s")
    rate: float = result.recv()
    return rate


def _loop(together: Barrier, reply: Connection) -> None:
    together.wait(LIMIT_S)
    begun_s, done = time.perf_counter(), 0
    while (past_s := time.perf_counter() - begun_s) < LOOP_S:
        for _ in range(CHUNK):
            done += 1
    reply.send(done / past_s)
