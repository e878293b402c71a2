"""Which of two ways is taken, and when the second is tried; relays: `test_turn.py`."""

import asyncio
from typing import Any, cast

import pytest

from bots.errors import ClusterError
from bots.media import relay
from bots.media.full_ice import FullPath
from bots.media.ice import LightPath, Path
from bots.media.ice_servers import NO_RELAY
from bots.media.sdp import Description, IceCredentials
from tests.support.asynctest import asynctest

REMOTE = Description(
    sections=(), ice=IceCredentials(ufrag="u", password="p"), fingerprints=()
)
NO_ROUTE = ClusterError("no way", code="no route")
REFUSED = ClusterError("no relay candidate: it refused", code=NO_RELAY)


class Way:
    """A path whose end is decided by the test."""

    def __init__(self, fails: ClusterError | None = None, *, works: bool = False):
        self.is_begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.is_closed = False
        self._fails = fails
        if works or fails:
            self.may_end.set()

    async def gather(self) -> None:
        self.is_begun.set()

    async def set_remote(self, remote: Description) -> None:
        assert remote is REMOTE

    async def connect(self) -> Path:
        self.is_begun.set()
        await self.may_end.wait()
        if self._fails:
            raise self._fails
        return cast(Path, self)

    async def close(self) -> None:
        self.is_closed = True


def search(direct: Way | None, relayed: Way) -> relay.DirectOrRelay:
    return relay.DirectOrRelay(
        remote=REMOTE,
        direct=cast(LightPath | None, direct),
        make_relay=lambda: cast(FullPath, relayed),
    )


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "RELAY_AFTER_S", 0.01)


async def _taken(searching: relay.DirectOrRelay) -> Any:
    async with asyncio.timeout(5):
        return await searching.connect()


@asynctest
async def test_a_direct_way_that_answers_leaves_the_relay_alone():
    direct, relayed = Way(works=True), Way(works=True)

    assert await _taken(search(direct, relayed)) is direct
    assert not relayed.is_begun.is_set()


@asynctest
async def test_only_a_relay_is_asked_for_at_once():
    relayed = Way(works=True)

    assert await _taken(search(None, relayed)) is relayed


@asynctest
async def test_a_direct_way_that_the_system_does_not_know_is_not_waited_for():
    direct, relayed = Way(NO_ROUTE), Way(works=True)

    assert await _taken(search(direct, relayed)) is relayed
    assert direct.is_closed


@asynctest
async def test_a_silent_direct_way_is_closed_when_the_relay_works(at_once):
    direct, relayed = Way(), Way(works=True)

    assert await _taken(search(direct, relayed)) is relayed
    assert direct.is_closed
    assert not relayed.is_closed


@asynctest
async def test_a_direct_way_that_answers_late_wins_over_a_slower_relay(at_once):
    direct, relayed = Way(), Way()
    searching = search(direct, relayed)

    taking = asyncio.ensure_future(_taken(searching))
    await relayed.is_begun.wait()
    direct.may_end.set()

    assert await taking is direct
    assert relayed.is_closed
    assert not direct.is_closed


@asynctest
async def test_without_a_relay_the_direct_way_is_waited_for_and_the_obstacle_known(
    at_once,
):
    direct, relayed = Way(), Way(REFUSED)
    searching = search(direct, relayed)

    taking = asyncio.ensure_future(_taken(searching))
    await relayed.is_begun.wait()
    while not searching.obstacle:
        await asyncio.sleep(0)
    direct.may_end.set()

    assert await taking is direct
    assert searching.obstacle == str(REFUSED)
    assert relayed.is_closed


@asynctest
async def test_when_both_fail_the_relay_says_why():
    with pytest.raises(ClusterError) as caught:
        await _taken(search(Way(NO_ROUTE), Way(REFUSED)))

    assert caught.value.code == NO_RELAY


@asynctest
async def test_a_search_that_is_given_up_closes_both_ways(at_once):
    direct, relayed = Way(), Way()
    searching = search(direct, relayed)
    taking = asyncio.ensure_future(searching.connect())
    await relayed.is_begun.wait()

    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    await searching.close()

    assert direct.is_closed
    assert relayed.is_closed
