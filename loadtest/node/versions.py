"""The schemas of BBB 3.0 that the node can play, newest first: data.

Each is the recorded 3.0.19 with what it had or got beside, less what it had not.
Sources: voice states told by the middleware came with PR 24118 and PR 24967, after it;
whiteboard rights by user came with PR 23992 (September 2025), `meetingStaticData` and
the whole `user_current` before the join with PR 23749 and PR 23778 (August 2025),
`breakoutRoomsSummary` with PR 23130 (May 2025), all of bigbluebutton/bigbluebutton; the
fields of each time are those that its html5 client selects. Between these versions the
boundaries are approximate.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from bots.errors import ConfigError
from loadtest.node.schema import ROOTS, TYPES

Types = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schema:
    """What one version of the server knows and a client can tell it by."""

    since: tuple[int, int, int]
    types: Types
    roots: Mapping[str, str]
    before_join: tuple[str, ...]
    """Operations answered before the join (bbb-graphql-middleware `Config.go`,
    AllowedSubscriptionsForNotInMeetingUsers)."""
    has_static_data: bool = True
    """`/api/rest/meetingStaticData` is there."""
    unknown_arguments: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Mutation -> arguments of later versions, which bbb-graphql-actions ignores."""


def _changed(
    types: Types, *, less: Mapping[str, str], more: Mapping[str, str]
) -> Types:
    """Return types without the fields in `less`, with those in `more`.

    Fields are words; `name:type` is a relation.
    """
    changed = {name: dict(fields) for name, fields in types.items()}
    for table, words in less.items():
        for word in words.split():
            del changed[table][word]
    for table, words in more.items():
        fields = changed.setdefault(table, {})
        for word in words.split():
            name, _, type_name = word.partition(":")
            fields[name] = type_name
    return changed


def _without(roots: Mapping[str, str], gone: str) -> dict[str, str]:
    return {name: kind for name, kind in roots.items() if name not in gone.split()}


V3_0_19 = Schema(
    since=(3, 0, 19),
    types=TYPES,
    roots=ROOTS,
    before_join=(
        "getUserInfo",
        "getMeetingEndData",
        "PluginConfigurationQuery",
        "getGuestLobbyInfo",
        "userCurrentSubscription",
        "Patched_userCurrentSubscription",
    ),
)
V3_0_20 = replace(
    V3_0_19,
    since=(3, 0, 20),
    types=_changed(TYPES, less={}, more={"user_voice_activity": "leftVoiceConf"}),
)
V3_0_14 = Schema(
    since=(3, 0, 14),
    types=_changed(
        TYPES,
        less={
            "user": "whiteboardWriteAccess",
            "user_current": "whiteboardWriteAccess",
            "user_connectionStatus": "sessionToken clientSessionUUID "
            "applicationRttInMs",
        },
        more={
            "user": "hasDrawPermissionOnCurrentPage "
            "presPagesWritable:pres_page_writers",
            "user_current": "hasDrawPermissionOnCurrentPage "
            "presPagesWritable:pres_page_writers",
            "timer": "startedOn",
        },
    ),
    roots=_without(ROOTS, "user_whiteboardWriteAccess user_whiteboardCursorAccess"),
    before_join=V3_0_19.before_join,
)
V3_0_0 = Schema(
    since=(3, 0, 0),
    types=_changed(
        V3_0_14.types,
        less={
            "user": "bot",
            "user_current": "bot breakoutRoomsSummary logoutUrl",
            "user_voice": "deafened listenOnlyInputDevice",
            "user_connectionStatus": "traceLog",
            "meeting_componentFlags": "hasCurrentPresentation hasSharedNotes "
            "isSharedNotesPinned",
            "pres_page_curr": "fitToWidth",
            "plugin": "localesBaseUrl loadFailureReason loadFailureSource",
        },
        more={
            "user_current": "breakoutRooms:breakoutRoom",
            "breakoutRoom": "hasJoined assignedAt endedAt inviteDismissedAt",
            "meeting": "endWhenNoModerator endWhenNoModeratorDelayInMinutes "
            "metadata:meeting_metadata groups:meeting_group",
            "meeting_metadata": "name value",
            "meeting_group": "groupId name",
            "meeting_breakoutPolicies": "captureNotesFilename captureSlidesFilename",
        },
    ),
    roots=V3_0_14.roots,
    before_join=(
        "getUserInfo",
        "getMeetingEndData",
        "PluginConfigurationQuery",
        "getGuestLobbyInfo",
        "getUserCurrent",
    ),
    has_static_data=False,
    unknown_arguments={
        "userJoinMeeting": frozenset({"clientIsMobile"}),
        "cameraBroadcastStart": frozenset({"contentType", "hasAudio"}),
        "userSetConnectionAlive": frozenset(
            {
                "clientSessionUUID",
                "serverRequestId",
                "applicationRttInMs",
                "traceLog",
                "clientIsHidden",
            }
        ),
    },
)
SCHEMAS = (V3_0_20, V3_0_19, V3_0_14, V3_0_0)
RECORDED = V3_0_19


@cache
def schema_of(version: str, missing_field: str = "") -> Schema:
    """Return the schema that a version plays, without one field if so ordered.

    `missing_field` is `type.field`. Raises ConfigError for a version that is no 3.0
    and for a field that the schema does not have.
    """
    told = re.match(r"(\d+)\.(\d+)\.(\d+)(?![.\d])", version)
    asked = tuple(map(int, told.groups())) if told else (0,)
    known = next((schema for schema in SCHEMAS if schema.since <= asked), None)
    if known is None or asked[:2] != (3, 0):
        raise ConfigError(
            f"the node plays no BBB {version!r}: give a version from 3.0.0 on, such as "
            + ", ".join(_written(schema) for schema in SCHEMAS)
        )
    if not missing_field:
        return known
    type_name, _, name = missing_field.partition(".")
    if name not in known.types.get(type_name, {}):
        raise ConfigError(
            f"fault 'missing-field' wants type.field of the schema of {version}, such "
            f"as user_camera.streamId, got {missing_field!r}"
        )
    return replace(known, types=_changed(known.types, less={type_name: name}, more={}))


def _written(schema: Schema) -> str:
    return ".".join(map(str, schema.since))
