"""Which of the possible dialects a server speaks: found by asking, never assumed.

A server that does not know a field refuses the whole document, and an early middleware
holds back, without a word, what it does not expect before the join. So the candidates'
first questions are asked in turn, the likeliest first; the one that is answered stays
open and tells of the membership. Early clients ask for the rest of their own row once
they are in, which tells those that begin alike apart; of two that ask the same, the
newer proves itself by a stream that the older server refuses. A stream may stay silent
for long, so the answer to a question right after it tells that it was accepted.
"""

from typing import Protocol

from bots.errors import GraphqlRefusal, StepTimeout
from bots.protocol import operations as op
from bots.protocol.dialect import Dialect
from bots.protocol.operations import Operation

UNKNOWN_FIELD = "validation-failed"
"""Hasura's code for a document that does not fit its schema."""
UNKNOWN_SCHEMA = "unknown schema"
"""The code of a participant to whom no dialect's questions were answered."""


class Asking(Protocol):
    """What detection needs of a conversation."""

    async def first_answer(self, *operations: Operation) -> None:
        """Ask all in turn and return when the first data of the last have come.

        The others are ended then; only a refusal of theirs matters. Raises
        GraphqlRefusal, StepTimeout, or what ended the connection.
        """


async def whoami(
    asking: Asking, candidates: tuple[Dialect, ...]
) -> tuple[Dialect, ...]:
    """Return the candidates whose first question was answered, in their order.

    Raises GraphqlRefusal with UNKNOWN_SCHEMA when a server that answers refuses all,
    StepTimeout when it says nothing, or what ended the connection.
    """
    refusal: GraphqlRefusal | None = None
    for question in dict.fromkeys(dialect.whoami for dialect in candidates):
        try:
            await asking.first_answer(question)
        except GraphqlRefusal as why:
            if why.code != UNKNOWN_FIELD:
                raise
            refusal = refusal or why
        except StepTimeout:
            continue
        else:
            return tuple(it for it in candidates if it.whoami == question)
    if refusal is None:
        raise StepTimeout("nobody told who we are", code="current user")
    raise _unknown(refusal)


async def confirmed(asking: Asking, candidates: tuple[Dialect, ...]) -> Dialect:
    """Return the one whose question for its own whole row is answered, when joined.

    Raises as `whoami` does, and StepTimeout when one is not answered at all.
    """
    refusal: GraphqlRefusal | None = None
    for dialect in candidates:
        questions = _left_to_ask(dialect)
        if not questions:
            return dialect
        try:
            await asking.first_answer(*questions)
        except GraphqlRefusal as why:
            if why.code != UNKNOWN_FIELD:
                raise
            refusal = refusal or why
        else:
            return dialect
    assert refusal is not None, "there is a candidate"
    raise _unknown(refusal)


def _left_to_ask(dialect: Dialect) -> tuple[Operation, ...]:
    if dialect.proof is not None:
        return dialect.proof, op.SERVER_TIME
    return () if dialect.current_user == dialect.whoami else (dialect.current_user,)


def _unknown(likeliest: GraphqlRefusal) -> GraphqlRefusal:
    return GraphqlRefusal(
        f"no adapter here fits the server's GraphQL schema: {likeliest}",
        code=UNKNOWN_SCHEMA,
    )
