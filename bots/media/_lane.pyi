from collections.abc import Callable
from typing import Any

REVISION: int

class Arrivals:
    def __len__(self) -> int: ...
    def note(self, number: int, at_s: float) -> None: ...
    def clear(self) -> None: ...
    def feedback(self, sender_ssrc: int, media_ssrc: int, count: int) -> bytes: ...

class Lane:
    heard_s: float
    is_open: int
    def __init__(
        self,
        *,
        clock_hz: float,
        tag_bytes: int,
        open_every: int,
        is_video: bool,
        wide_id: int,
        arrivals: Arrivals,
        tally: Any,
    ) -> None: ...
    def packet(self, packet: bytes | memoryview, now_s: float) -> bool: ...
    def resume(
        self,
        highest: int,
        timestamp: int,
        arrival_s: float,
        jitter: float,
        frame_s: float,
        wide_at: int,
    ) -> None: ...
    def settle(
        self,
    ) -> tuple[int, int, float, int, float, int, tuple[float, ...], float] | None: ...
    def halt(self) -> None: ...

class Reader:
    def __init__(
        self,
        descriptor: int,
        workspace: memoryview,
        lanes: dict[int, Any],
        otherwise: Callable[[int], None],
    ) -> None: ...
    def __call__(self) -> None: ...

class Header:
    def __init__(
        self,
        *,
        first: int,
        ssrc: int,
        extensions: bytes,
        time_at: int,
        wide_at: int,
    ) -> None: ...

class Way:
    def __init__(
        self,
        descriptor: int,
        workspace: memoryview,
        keeper: object,
        session: int,
        protect: int,
        protect_rtcp: int,
    ) -> None: ...
    def packet(
        self,
        header: Header,
        second: int,
        sequence: int,
        timestamp: int,
        lead: int,
        payload: bytes,
        now_s: float,
    ) -> int: ...
    def rtcp(self, compound: bytes) -> int: ...
