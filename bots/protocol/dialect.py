"""Which BBB speaks here, and whether we speak it: the one place that decides. Pure.

A dialect is what the rest of a participant needs to know about a version: the
operations that its client sends. Those of BBB 3.0 with bbb-webrtc-sfu exist, for four
of its schemas; 2.7 (Meteor) and LiveKit meetings are recognised and refused, each in a
sentence, before any load is sent. An adapter for one of them adds a `Dialect` here and,
where its conversation differs in kind, a conversation beside `graphql.py`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from bots.errors import TargetUnusable
from bots.models import Role
from bots.protocol import operations as op
from bots.protocol import wordings
from bots.protocol.answers import ApiIndex, HttpAnswer
from bots.protocol.opening import OPENING, Step
from bots.protocol.operations import Operation
from bots.protocol.wordings import Wording

SFU_BRIDGE = "bbb-webrtc-sfu"
NO_PAGES = {"viewer": 0, "moderator": 0}
STATIC_DATA_PATHS = ("meetingStaticData", "clientSettings")
"""Below `graphqlApiUrl`; the first from 3.0.14 on, the second before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a participant says, on one family of versions.

    Everything else speaks of operations as 3.0.19's client names them; `spoken` says
    what goes out in their place.
    """

    name: str
    """Such as `BBB 3.0.19`: the first version known to have this schema."""
    since: tuple[int, int, int]
    static_path: str
    """Which of STATIC_DATA_PATHS it serves first."""
    whoami: Operation
    """Asked before the join, and answered then."""
    current_user: Operation
    """The whole row: `whoami` itself, or what is asked once the user is in."""
    join: Operation
    leave: Operation
    opening: tuple[Step, ...]
    words: Mapping[str, Wording | None]
    """By the name of 3.0.19's operation, where this client asks otherwise."""
    proof: Operation | None = None
    """Refused by an older server whose `whoami` is the same."""
    refused: frozenset[str] = frozenset()
    """Operations that this version's own client sends and its server refuses."""

    @property
    def settled(self) -> "Dialect":
        """The same, with nothing left to prove."""
        return self if self.proof is None else replace(self, proof=None)

    def spoken(
        self, operation: Operation, variables: Mapping[str, Any]
    ) -> tuple[Operation, Mapping[str, Any]] | None:
        """Return what to send for an operation, None for nothing.

        Nothing is sent where this version's client has no such operation, or one that
        wants a variable which is not given (it is not asked anew then).
        """
        if operation.topic not in self.words:
            return operation, variables
        wording = self.words[operation.topic]
        if wording is None:
            return None
        names = declared(wording.operation.query)
        if not variables.keys() >= names:
            return None
        return wording.operation, {
            name: value for name, value in variables.items() if name in names
        }


@cache
def declared(query: str) -> frozenset[str]:
    """Return the names of the variables that a document declares.

    >>> sorted(declared("query A($limit: Int!, $to: [String]) { b(limit: $limit) }"))
    ['limit', 'to']
    """
    return frozenset(re.findall(r"\$(\w+): \[?[A-Za-z]\w*[\]!,)]", query))


def _opening(words: Mapping[str, Wording | None]) -> tuple[Step, ...]:
    """Return the opening of 3.0.19 in another client's words, at the same times."""
    steps = []
    for step in OPENING:
        wording = words.get(step.operation.name, Wording(operation=step.operation))
        if wording is None:
            continue
        names = declared(wording.operation.query)
        given = [pair for pair in step.variables if pair[0] in names]
        steps.append(
            replace(
                step,
                operation=wording.operation,
                variables=(*given, *wording.variables),
            )
        )
    return tuple(steps)


BBB_3_0_19 = Dialect(
    name="BBB 3.0.19",
    since=(3, 0, 19),
    static_path="meetingStaticData",
    whoami=op.CURRENT_USER,
    current_user=op.CURRENT_USER,
    join=op.USER_JOIN,
    leave=op.USER_LEAVE,
    opening=OPENING,
    words={},
    refused=frozenset({op.TIMER.name}),
)
BBB_3_0_20 = replace(
    BBB_3_0_19,
    name="BBB 3.0.20",
    since=(3, 0, 20),
    opening=_opening(wordings.WORDS_AFTER_3_0_19),
    words=wordings.WORDS_AFTER_3_0_19,
    proof=wordings.VOICE_STATES,
)
"""The first that may differ from the recorded one: from where on is not known."""
BBB_3_0_14 = replace(
    BBB_3_0_19,
    name="BBB 3.0.14",
    since=(3, 0, 14),
    whoami=wordings.CURRENT_USER_3_0_14,
    current_user=wordings.CURRENT_USER_3_0_14,
    opening=_opening(wordings.WORDS_3_0_14),
    words=wordings.WORDS_3_0_14,
    refused=frozenset(),
)
BBB_3_0_0 = replace(
    BBB_3_0_14,
    name="BBB 3.0.0",
    since=(3, 0, 0),
    static_path="clientSettings",
    whoami=wordings.WHO_AM_I_3_0_0,
    current_user=wordings.CURRENT_USER_3_0_0,
    opening=_opening(wordings.WORDS_3_0_0),
    words=wordings.WORDS_3_0_0,
)
DIALECTS = (BBB_3_0_20, BBB_3_0_19, BBB_3_0_14, BBB_3_0_0)
"""Newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityStep:
    """From so many cameras on, each is sent at no more than this rate."""

    cameras: int
    name: str
    bitrate_bps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraQuality:
    """`cameraQualityThresholds` with the rates of the profiles that it names."""

    steps: tuple[QualityStep, ...] = (
        QualityStep(cameras=8, name="low-u8", bitrate_bps=100_000),
        QualityStep(cameras=12, name="low-u12", bitrate_bps=90_000),
        QualityStep(cameras=15, name="low-u15", bitrate_bps=70_000),
        QualityStep(cameras=20, name="low-u20", bitrate_bps=50_000),
        QualityStep(cameras=25, name="low-u25", bitrate_bps=40_000),
        QualityStep(cameras=30, name="low-u30", bitrate_bps=30_000),
    )
    """Empty where the server has them disabled."""
    spares_speakers: bool = True
    """`privilegedStreams`: a pinned camera and the speaker's keep their rate."""
    debounce_s: float = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """The parts of the html5 client's settings that steer a participant.

    Defaults are those of BBB 3.0's `settings.yml`, save that an unknown server is taken
    to offer audio itself, as recorded: the SFU does so whenever `start` has no offer.
    """

    is_transparent: bool = True
    """`transparentListenOnly`: the server offers, listen only is `passive-sendrecv`."""
    full_audio_offering: bool = True
    """Where it is not transparent: the client offers its microphone."""
    listen_only_offering: bool = False
    viewer_page_size: int = 5
    moderator_page_size: int = 0
    """0 means all cameras."""
    audio_bridge: str = SFU_BRIDGE
    camera_bridge: str = SFU_BRIDGE
    screen_bridge: str = SFU_BRIDGE
    voice_bridge: str = ""
    quality: CameraQuality = CameraQuality()

    @property
    def client_offers_microphone(self) -> bool:
        return not self.is_transparent and self.full_audio_offering

    def page_of(self, role: Role) -> int | None:
        """Return how many cameras a browser shows at once in a role, None for all."""
        is_moderator = role == "moderator"
        size = self.moderator_page_size if is_moderator else self.viewer_page_size
        return size or None

    @property
    def foreign_bridges(self) -> tuple[str, ...]:
        """Bridges that no adapter here speaks, each once."""
        bridges = (self.audio_bridge, self.camera_bridge, self.screen_bridge)
        return tuple(sorted({bridge for bridge in bridges if bridge != SFU_BRIDGE}))


def detect(index: ApiIndex) -> tuple[Dialect, ...]:
    """Return the dialects that the API index leaves possible, the likeliest first.

    The version text may be empty or hidden, so GraphQL's address is what tells 3.0
    from 2.7; a version text of another generation is believed all the same. Which of
    the dialects it is, only an answer proves (`bots/detection.py`).

    Raises TargetUnusable, in one sentence, for what has no adapter.
    """
    version = index.bbb_version.strip()
    if not index.graphql_websocket_url:
        named = f"BBB {version}" if version else "a BBB older than 3.0"
        raise TargetUnusable(
            f"the server speaks {named} (it names no GraphQL address): bbbload has an "
            "adapter for BBB 3.0 only"
        )
    told = _numbers(version)
    if told and told[:2] not in ((3,), (3, 0)):
        raise TargetUnusable(
            f"the server says it is BBB {version}: bbbload has an adapter for BBB 3.0 "
            "only"
        )
    if len(told) < 3:
        return DIALECTS
    return tuple(sorted(DIALECTS, key=lambda dialect: dialect.since > told))


def likelier(
    dialects: tuple[Dialect, ...], index: ApiIndex, static_path: str
) -> tuple[Dialect, ...]:
    """Put first those that serve the client's settings where these were found.

    A version that the index tells says more: then the order stays.
    """
    if not static_path or len(_numbers(index.bbb_version)) >= 3:
        return dialects
    return tuple(sorted(dialects, key=lambda it: it.static_path != static_path))


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d{1,9}(?:\.\d{1,9}){0,2}", version.strip())
    return tuple(map(int, found[0].split("."))) if found else ()


def refuse_foreign_bridges(settings: ClientSettings) -> None:
    """Raise TargetUnusable for a meeting whose media go through another bridge."""
    if settings.foreign_bridges:
        bridges = " and ".join(settings.foreign_bridges)
        raise TargetUnusable(
            f"the meeting's media go through {bridges}: bbbload has an adapter for "
            f"{SFU_BRIDGE} only; create the meeting without audioBridge, cameraBridge "
            "and screenShareBridge"
        )


def parse_client_settings(answer: HttpAnswer) -> ClientSettings | None:
    """Read `meetingStaticData` or `clientSettings`; None for anything else."""
    if answer.status != 200:
        return None
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    meeting = _first(told.get("meeting"))
    outer = _first(told.get("meeting_clientSettings")) or _map(
        meeting.get("clientSettings")
    )
    public = _map(_map(outer.get("clientSettingsJson")).get("public"))
    if not meeting and not public:
        return None
    media, kurento = _map(public.get("media")), _map(public.get("kurento"))
    pagination = _map(kurento.get("pagination"))
    has_pages = _flag(pagination, "enabled", True)
    pages = _map(pagination.get("desktopPageSizes")) if has_pages else NO_PAGES
    standard = ClientSettings()
    return ClientSettings(
        is_transparent=_flag(media, "transparentListenOnly", standard.is_transparent),
        full_audio_offering=_flag(media, "fullAudioOffering", True),
        listen_only_offering=_flag(media, "listenOnlyOffering", False),
        viewer_page_size=_count(pages, "viewer", standard.viewer_page_size),
        moderator_page_size=_count(pages, "moderator", standard.moderator_page_size),
        audio_bridge=str(meeting.get("audioBridge") or SFU_BRIDGE),
        camera_bridge=str(meeting.get("cameraBridge") or SFU_BRIDGE),
        screen_bridge=str(meeting.get("screenShareBridge") or SFU_BRIDGE),
        voice_bridge=str(_map(meeting.get("voiceSettings")).get("voiceConf") or ""),
        quality=_quality(kurento),
    )


def _quality(kurento: Mapping[str, Any]) -> CameraQuality:
    """Read the thresholds; a server that tells none has BBB's own."""
    standard = CameraQuality()
    told = _map(kurento.get("cameraQualityThresholds"))
    rates_bps = {
        str(profile.get("id")): _count(profile, "bitrate", 0) * 1000
        for profile in map(_map, _list(kurento.get("cameraProfiles")))
    }
    steps = tuple(
        QualityStep(
            cameras=_count(step, "threshold", 0),
            name=str(step.get("profile")),
            bitrate_bps=rates_bps.get(str(step.get("profile")), 0),
        )
        for step in map(_map, _list(told.get("thresholds")))
    )
    if not _flag(told, "enabled", True):
        steps = ()
    elif not steps or any(step.cameras < 1 or not step.bitrate_bps for step in steps):
        steps = standard.steps
    return CameraQuality(
        steps=steps,
        spares_speakers=_flag(told, "privilegedStreams", standard.spares_speakers),
        debounce_s=_count(told, "debounceTime", 2500) / 1000,
    )


def _first(rows: object) -> Mapping[str, Any]:
    return _map(rows[0]) if isinstance(rows, list) and rows else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _flag(table: Mapping[str, Any], key: str, default: bool) -> bool:
    value = table.get(key)
    return value if isinstance(value, bool) else default


def _count(table: Mapping[str, Any], key: str, default: int) -> int:
    value = table.get(key)
    valid = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return int(value) if valid and value is not None else default
