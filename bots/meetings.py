"""Our meetings on a server: made on demand, proven to be as asked for, ended again.

The API is reached through a `Fetch` that the caller brings; URLs and answers are those
of `bots.protocol.api`. What the server says about *other* meetings is judged by pure
functions: `strangers` and `leftovers`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol, TypeVar

from bots.errors import ApiRefusal, ClusterError, GuardRefusal, TargetUnusable
from bots.protocol import api
from bots.redaction import redact
from bots.servers import Server, host_of

END_TIMEOUT_S: Final = 10.0
T = TypeVar("T")
SIGNED_ONLY: Final = frozenset({"b3scale_server_error", "checksumError"})
"""Keys with which an unsigned call is refused."""
BAD_SIGNATURE: Final = "invalid checksum"
"""What b3scale says of one: it has a key for all errors."""
AT_ONCE: Final = 8
"""API calls in flight: bbb-web serves a few dozen a second."""


class Fetch(Protocol):
    """One HTTP GET, redirects not followed; raises ClusterError when none answered."""

    def __call__(
        self, url: str, *, as_json: bool = False
    ) -> Awaitable[api.HttpAnswer]: ...


def strangers(
    meetings: Iterable[api.MeetingInfo], own_run: str
) -> tuple[api.MeetingInfo, ...]:
    """Return the meetings that hold participants and are not of this run."""
    return tuple(
        meeting
        for meeting in meetings
        if meeting.participants > 0
        and not meeting.has_been_forcibly_ended
        and api.run_of(meeting.meeting_id) != own_run
    )


def leftovers(
    meetings: Iterable[api.MeetingInfo], runs: Iterable[str]
) -> tuple[api.MeetingInfo, ...]:
    """Return the meetings of these runs of ours that have not been ended yet."""
    wanted = set(runs)
    return tuple(
        meeting
        for meeting in meetings
        if api.run_of(meeting.meeting_id) in wanted
        and not meeting.has_been_forcibly_ended
    )


def refuse_strangers(meetings: Iterable[api.MeetingInfo], own_run: str) -> None:
    """Raise GuardRefusal when people, or another run, are on the server."""
    found = strangers(meetings, own_run)
    if not found:
        return
    people = sum(meeting.participants for meeting in found)
    others = {api.run_of(meeting.meeting_id) for meeting in found} - {None}
    if others and len(others) == len({api.run_of(m.meeting_id) for m in found}):
        raise GuardRefusal(
            f"another run of bbbload ({', '.join(sorted(map(str, others)))}) has "
            f"{people} participants on this server: wait for its end, or end its "
            "meetings with `bbbload cleanup`"
        )
    raise GuardRefusal(
        f"{len(found)} meetings with {people} participants that are not ours are on "
        "this server: come back when it is empty, or take the risk with "
        "--beside-real-meetings"
    )


class Meetings:
    """The meetings of one run on one server, as one engine sees them."""

    def __init__(
        self,
        server: Server,
        run: str,
        fetch: Fetch,
        *,
        rest_of_run_s: Callable[[], float],
        is_recorded: bool = False,
        has_guests: bool = False,
    ) -> None:
        self._server = server
        self._run = run
        self._fetch = fetch
        self._rest_of_run_s = rest_of_run_s
        self._is_recorded = is_recorded
        self._extra = (("guestPolicy", "ASK_MODERATOR"),) if has_guests else ()
        self._made: dict[int, asyncio.Future[api.Created]] = {}
        self._limit = asyncio.Semaphore(AT_ONCE)

    async def check_server(self) -> api.ApiIndex:
        """Return the index of a server that speaks BBB's API; raises TargetUnusable.

        b3scale answers no call that is not signed, and BBB signs no index
        (`BBBRequestMiddleware` in its `pkg/http`): where a signed call is answered, the
        index of a server that refuses its own is an empty one.
        """
        url = self._server.url
        host = host_of(url)
        try:
            return api.parse_index(await self._fetch(api.index_url(url), as_json=True))
        except ApiRefusal as refusal:
            if refusal.code in SIGNED_ONLY:
                await self.all_meetings()
                return api.ApiIndex()
            raise TargetUnusable(
                f"{host} does not answer as a BigBlueButton API at {url} "
                f"({redact(str(refusal))}): check the address with `bbb-conf --secret`"
            ) from refusal
        except ClusterError as failure:
            raise TargetUnusable(
                f"{redact(str(failure))}: check the address, the network and whether "
                "the server runs"
            ) from failure

    async def all_meetings(self) -> tuple[api.MeetingInfo, ...]:
        """Return what getMeetings shows; raises TargetUnusable."""
        url = api.get_meetings_url(self._server.url, self._server.secret.reveal())
        return await self._before_load(url, "getMeetings", api.parse_meetings)

    async def prove_first(self, number: int) -> api.MeetingInfo:
        """Make a meeting, read it back and return it.

        Raises TargetUnusable naming the parameter that the server, or a balancer before
        it, changed.
        """
        asked = self._parameters(number)
        try:
            await self.ensure(number, asked)
        except ClusterError as failure:
            raise _unusable(self._server, "create", failure) from failure
        secret = self._server.secret.reveal()
        external = api.meeting_id(self._run, number)
        url = api.get_meeting_info_url(self._server.url, external, secret)
        info = await self._before_load(url, "getMeetingInfo", api.parse_meeting_info)
        changed = api.overrides(asked, info)
        if changed:
            first = changed[0]
            raise TargetUnusable(
                f"the server changed {first.parameter} of our meeting from "
                f"{first.asked!r} to {first.told or 'nothing'!r}: let its balancer or "
                "its defaults leave the parameters of bbbload's meetings alone"
            )
        return info

    async def ensure(
        self, number: int, parameters: tuple[tuple[str, str], ...] | None = None
    ) -> api.Created:
        """Make meeting `number` unless this engine has; raises ClusterError.

        `create` is idempotent, so several engines may make the same meeting. A failure
        is not remembered: the next participant tries again.
        """
        known = self._made.get(number)
        if known is not None:
            return await asyncio.shield(known)
        made: asyncio.Future[api.Created] = asyncio.get_running_loop().create_future()
        self._made[number] = made
        try:
            async with self._limit:
                answer = await self._fetch(
                    api.create_url(
                        self._server.url,
                        parameters or self._parameters(number),
                        self._server.secret.reveal(),
                    )
                )
            created = api.parse_create(answer)
        except BaseException as failure:
            del self._made[number]
            lost = failure if isinstance(failure, ClusterError) else None
            made.set_exception(lost or ClusterError("create was given up"))
            made.exception()  # nobody else may have waited: that is no lost exception
            raise
        made.set_result(created)
        return created

    async def end(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """End these meetings of ours; return the ids of those that did not end."""
        wanted = [number for number in numbers if number in self._made]
        for number in wanted:
            self._made.pop(number)
        ids = [api.meeting_id(self._run, number) for number in wanted]
        return await self.end_ids(ids)

    async def end_ids(self, ids: Iterable[str]) -> tuple[str, ...]:
        """End meetings by external id; one that is gone already counts as ended."""
        pairs = [(external, self._end_one(external)) for external in ids]
        results = await asyncio.gather(*(call for _, call in pairs))
        return tuple(
            external
            for (external, _), done in zip(pairs, results, strict=True)
            if not done
        )

    @property
    def numbers(self) -> tuple[int, ...]:
        """The meetings this engine has made and not yet ended."""
        return tuple(self._made)

    async def _end_one(self, external: str) -> bool:
        url = api.end_url(self._server.url, external, self._server.secret.reveal())
        for _ in range(2):
            try:
                async with self._limit, asyncio.timeout(END_TIMEOUT_S):
                    api.parse_end(await self._fetch(url))
                return True
            except ApiRefusal as refusal:
                if refusal.code in ("notFound", "meetingForciblyEnded"):
                    return True
            except (ClusterError, TimeoutError):
                pass
        return False

    async def _before_load(
        self, url: str, call: str, parse: Callable[[api.HttpAnswer], T]
    ) -> T:
        try:
            return parse(await self._fetch(url))
        except ClusterError as failure:
            raise _unusable(self._server, call, failure) from failure

    def _parameters(self, number: int) -> tuple[tuple[str, str], ...]:
        return api.create_parameters(
            run=self._run,
            number=number,
            rest_of_run_s=self._rest_of_run_s(),
            is_recorded=self._is_recorded,
            extra=self._extra,
        )


def _unusable(server: Server, call: str, failure: ClusterError) -> TargetUnusable:
    host = host_of(server.url)
    if failure.code == "checksumError" or BAD_SIGNATURE in str(failure):
        return TargetUnusable(
            f"{host} refuses our signature: the secret is wrong, or it was changed; "
            "compare with `bbb-conf --secret`"
        )
    return TargetUnusable(
        f"{host} refused {call} ({failure.code or 'no answer'}: {redact(str(failure))})"
    )
