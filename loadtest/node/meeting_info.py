"""A meeting as `create`, getMeetings and getMeetingInfo show it."""

from datetime import UTC, datetime

from loadtest.node.meeting import Meeting, User

Pairs = list[tuple[str, object]]


def create_pairs(meeting: Meeting) -> Pairs:
    """Return what `create` answers about a meeting."""
    request = meeting.request
    return [
        ("meetingID", request.meeting_id),
        ("internalMeetingID", meeting.id),
        ("parentMeetingID", "bbb-none"),
        ("attendeePW", request.attendee_password),
        ("moderatorPW", request.moderator_password),
        ("createTime", meeting.created_ms),
        ("voiceBridge", request.voice_bridge),
        ("dialNumber", "613-555-1234"),
        ("createDate", _java_date(meeting.created_ms)),
        ("hasUserJoined", meeting.started_s is not None),
        ("duration", request.duration_min),
        ("hasBeenForciblyEnded", meeting.forcibly_ended),
    ]


def info_pairs(meeting: Meeting) -> Pairs:
    """Return what getMeetingInfo answers, in BBB's order."""
    request = meeting.request
    users = list(meeting.present())
    voices = [user.voice for user in users if user.voice is not None]
    started_ms = int(meeting.started_s * 1000) if meeting.started_s else 0
    ended_ms = int(meeting.ended_s * 1000) if meeting.ended_s else 0
    return [
        ("meetingName", request.name),
        ("meetingID", request.meeting_id),
        ("internalMeetingID", meeting.id),
        ("createTime", meeting.created_ms),
        ("createDate", _java_date(meeting.created_ms)),
        ("voiceBridge", request.voice_bridge),
        ("dialNumber", "613-555-1234"),
        ("attendeePW", request.attendee_password),
        ("moderatorPW", request.moderator_password),
        ("running", meeting.is_running),
        ("duration", request.duration_min),
        ("hasUserJoined", meeting.started_s is not None),
        ("recording", request.record),
        ("hasBeenForciblyEnded", meeting.forcibly_ended),
        ("startTime", started_ms),
        ("endTime", ended_ms),
        ("participantCount", len(users)),
        ("listenerCount", sum(voice.listen_only for voice in voices)),
        ("voiceParticipantCount", sum(not voice.listen_only for voice in voices)),
        ("videoCount", len(meeting.cameras())),
        ("maxUsers", request.max_participants),
        ("moderatorCount", sum(user.is_moderator for user in users)),
        ("attendees", [("attendee", _attendee_pairs(user)) for user in users]),
        ("metadata", list(request.metadata)),
        ("isBreakout", request.is_breakout),
    ]


def _attendee_pairs(user: User) -> Pairs:
    voice = user.voice
    return [
        ("userID", user.ext_id),
        ("fullName", user.name),
        ("role", user.role),
        ("isPresenter", user.presenter),
        ("isListeningOnly", voice is not None and voice.listen_only),
        ("hasJoinedVoice", voice is not None and not voice.listen_only),
        ("hasVideo", bool(user.cameras)),
        ("clientType", user.client_type or ""),
        ("customdata", list(user.metadata)),
    ]


def _java_date(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
