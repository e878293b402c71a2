"""Mutations: BBB's functions by name, their arguments checked, their effects run.

As in bbb-graphql-actions, arguments are checked for presence and JSON type, arguments
that a function does not know are ignored, and success means only that the request was
accepted: its effect is seen through subscriptions, and some requests have none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.node.faults import Faults
from loadtest.node.meeting import Meeting, User
from loadtest.node.state import Session

Arguments = Mapping[str, Any]


class RefusedMutation(Exception):
    """The request does not get past bbb-graphql-actions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls."""

    session: Session
    client_session: str
    faults: Faults
    unknown_arguments: Mapping[str, frozenset[str]]
    """Mutation -> arguments that the version played does not know."""

    @property
    def user(self) -> User:
        return self.session.user

    @property
    def meeting(self) -> Meeting:
        return self.session.meeting


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A mutation function: its effect, its arguments, whom it asks to be."""

    run: Callable[[Caller, Arguments], None]
    required: Mapping[str, tuple[type, ...]]
    optional: Mapping[str, tuple[type, ...]]
    role: str
    """"" for anybody, `moderator` or `presenter`."""
    before_join: bool
    """Whether a user who is not in the meeting may call it."""


FUNCTIONS: dict[str, Function] = {}
TEXT = (str,)
FLAG = (bool,)
NUMBER = (int, float)
LIST = (list,)
JSON = (dict, list, str, int, float, bool)

Run = Callable[[Caller, Arguments], None]


def function(
    name: str,
    *,
    optional: Mapping[str, tuple[type, ...]] | None = None,
    role: str = "",
    before_join: bool = False,
    **required: tuple[type, ...],
) -> Callable[[Run], Run]:
    """Register the decorated effect as mutation `name`."""

    def register(run: Run) -> Run:
        FUNCTIONS[name] = Function(
            run=run,
            required=required,
            optional=optional or {},
            role=role,
            before_join=before_join,
        )
        return run

    return register


def call(name: str, arguments: Arguments, caller: Caller) -> None:
    """Run mutation `name`; raise RefusedMutation when it is not accepted."""
    known = FUNCTIONS.get(name)
    if known is None:
        raise RefusedMutation(f"Unknown action: {name}")
    unknown = caller.unknown_arguments.get(name, frozenset())
    arguments = {key: it for key, it in arguments.items() if key not in unknown}
    for argument, kinds in known.required.items():
        if argument in unknown:
            continue
        if arguments.get(argument) is None:
            raise RefusedMutation(f"Parameter '{argument}' is required")
        _check_type(argument, arguments[argument], kinds)
    for argument, kinds in known.optional.items():
        if arguments.get(argument) is not None:
            _check_type(argument, arguments[argument], kinds)
    user = caller.user
    if not known.before_join and not user.joined:
        raise RefusedMutation("User is not in the meeting")
    if known.role == "moderator" and not user.is_moderator:
        raise RefusedMutation("Permission Denied.")
    if known.role == "presenter" and not user.presenter:
        raise RefusedMutation("Permission Denied.")
    known.run(caller, arguments)


def _check_type(name: str, value: object, kinds: tuple[type, ...]) -> None:
    is_flag = isinstance(value, bool)
    if not isinstance(value, kinds) or (is_flag and bool not in kinds):
        raise RefusedMutation(f"Parameter '{name}' contains an invalid type")


def present_user(caller: Caller, user_id: str) -> User | None:
    """Return a user of the caller's meeting who is in it now."""
    user = caller.meeting.users.get(user_id)
    return user if user is not None and user.joined else None
