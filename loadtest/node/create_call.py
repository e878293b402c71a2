"""What a `create` call asks for: parameters read, checked and given BBB's defaults."""

import random
import re
from collections.abc import Mapping

from loadtest.node.content import LockSettings, MeetingRequest

GUEST_POLICIES = (
    *("ALWAYS_ACCEPT", "ALWAYS_DENY", "ASK_MODERATOR", "ALWAYS_ACCEPT_AUTH"),
)
LOCKS = {
    "lockSettingsDisableCam": "disable_cam",
    "lockSettingsDisableMic": "disable_mic",
    "lockSettingsDisableNotes": "disable_notes",
    "lockSettingsDisableNote": "disable_notes",
    "lockSettingsDisablePrivateChat": "disable_private_chat",
    "lockSettingsDisablePublicChat": "disable_public_chat",
    "lockSettingsHideUserList": "hide_user_list",
    "lockSettingsHideViewersCursor": "hide_viewers_cursor",
    "lockSettingsHideViewersAnnotation": "hide_viewers_annotation",
    "lockSettingsLockOnJoin": "lock_on_join",
    "lockSettingsLockOnJoinConfigurable": "lock_on_join_configurable",
}
"""create parameter -> field of LockSettings."""

assert set(LOCKS.values()) <= set(LockSettings.__dataclass_fields__)


class RefusedCall(Exception):
    """The call is refused; the first argument is BBB's failure key."""


def read_create(
    parameters: Mapping[str, str], *, rng: random.Random, bridge: str = ""
) -> MeetingRequest:
    """Return the checked request; raise RefusedCall with BBB's key.

    `bridge` replaces the media bridges asked for (a server can force them).
    """
    meeting_id = parameters.get("meetingID", "")
    if not meeting_id:
        raise RefusedCall("missingParamMeetingID")
    if not 2 <= len(meeting_id) <= 256 or "," in meeting_id:
        raise RefusedCall("validationError")
    attendee = _password(parameters, "attendeePW")
    moderator = _password(parameters, "moderatorPW")
    voice_bridge = parameters.get("voiceBridge", "")
    if voice_bridge and not re.fullmatch(r"\d{1,10}", voice_bridge):
        raise RefusedCall("validationError")
    policy = parameters.get("guestPolicy", "ALWAYS_ACCEPT").upper()
    if policy not in GUEST_POLICIES:
        policy = "ALWAYS_ACCEPT"
    default_bridge = bridge or "bbb-webrtc-sfu"

    def media_bridge(name: str) -> str:
        return bridge or parameters.get(name, "") or default_bridge

    return MeetingRequest(
        meeting_id=meeting_id,
        name=parameters.get("name", "") or meeting_id,
        attendee_password=attendee or _random_password(rng),
        moderator_password=moderator or _random_password(rng),
        passwords_given=(attendee, moderator),
        voice_bridge=voice_bridge or str(rng.randrange(10_000, 100_000)),
        welcome=parameters.get("welcome", ""),
        duration_min=_count(parameters, "duration", 0),
        max_participants=_count(parameters, "maxParticipants", 0),
        record=_flag(parameters, "record", False),
        auto_start_recording=_flag(parameters, "autoStartRecording", False),
        allow_start_stop_recording=_flag(parameters, "allowStartStopRecording", True),
        keep_events=_flag(parameters, "meetingKeepEvents", False),
        guest_policy=policy,
        mute_on_start=_flag(parameters, "muteOnStart", False),
        allow_mods_to_unmute=_flag(parameters, "allowModsToUnmuteUsers", False),
        webcams_only_for_moderator=_flag(parameters, "webcamsOnlyForModerator", False),
        meeting_camera_cap=_count(parameters, "meetingCameraCap", 0),
        user_camera_cap=_count(parameters, "userCameraCap", 3),
        expire_if_no_user_joined_min=_count(
            parameters, "meetingExpireIfNoUserJoinedInMinutes", 5
        ),
        expire_when_last_user_left_min=_count(
            parameters, "meetingExpireWhenLastUserLeftInMinutes", 1
        ),
        allow_requests_without_session=_flag(
            parameters, "allowRequestsWithoutSession", False
        ),
        end_when_no_moderator=_flag(parameters, "endWhenNoModerator", False),
        layout=parameters.get("meetingLayout", "") or "CUSTOM_LAYOUT",
        logout_url=parameters.get("logoutURL", ""),
        audio_bridge=media_bridge("audioBridge"),
        camera_bridge=media_bridge("cameraBridge"),
        screen_share_bridge=media_bridge("screenShareBridge"),
        disabled_features=tuple(
            name for name in parameters.get("disabledFeatures", "").split(",") if name
        ),
        locks=tuple(
            (field, _flag(parameters, name, False))
            for name, field in LOCKS.items()
            if name in parameters
        ),
        metadata=tuple(
            (name.removeprefix("meta_").lower(), value)
            for name, value in parameters.items()
            if name.startswith("meta_") and name != "meta_"
        ),
        is_breakout=_flag(parameters, "isBreakout", False),
    )


def _password(parameters: Mapping[str, str], name: str) -> str | None:
    value = parameters.get(name)
    if value is None or value == "":
        return None
    if not 2 <= len(value) <= 64:
        raise RefusedCall("validationError")
    return value


def _random_password(rng: random.Random) -> str:
    return f"{rng.getrandbits(40):010x}"


def _flag(parameters: Mapping[str, str], name: str, default: bool) -> bool:
    value = parameters.get(name, "").lower()
    if value in ("", "true", "false"):
        return default if not value else value == "true"
    raise RefusedCall("validationError")


def _count(parameters: Mapping[str, str], name: str, default: int) -> int:
    value = parameters.get(name, "")
    if not value:
        return default
    if not re.fullmatch(r"-?\d{1,9}", value):
        raise RefusedCall("validationError")
    return max(0, int(value))
