"""Answers that somebody waits for, by the id of what was asked."""

import asyncio

from bots.errors import ClusterError


class Awaited:
    """The operations of one connection whose first answer is awaited."""

    def __init__(self) -> None:
        self._answers: dict[str, asyncio.Future[None]] = {}

    def expect(self, operation_id: str) -> asyncio.Future[None]:
        """Return what will be done with the answer to this id."""
        answer = asyncio.get_running_loop().create_future()
        self._answers[operation_id] = answer
        return answer

    def forget(self, operation_id: str) -> None:
        """Wait for it no longer."""
        self._answers.pop(operation_id, None)

    def check(self, operation_id: str) -> None:
        """Wait for it no longer; raise the failure that has come for it, if any."""
        answer = self._answers.pop(operation_id)
        if answer.done():
            answer.result()

    def settle(self, operation_id: str, failure: ClusterError | None) -> bool:
        """Pass on an answer; return whether anybody waited for it.

        Who waited may have been ended meanwhile: a failure that nobody takes then is
        no bug of ours, as which asyncio would tell it.
        """
        answer = self._answers.get(operation_id)
        if answer is None:
            return False
        if not answer.done():
            if failure is None:
                answer.set_result(None)
            else:
                answer.set_exception(failure)
                answer.exception()  # seen
        return True

    def fail_all(self, why: ClusterError) -> None:
        """Tell everybody who waits that no answer will come."""
        for operation_id in tuple(self._answers):
            self.settle(operation_id, why)
