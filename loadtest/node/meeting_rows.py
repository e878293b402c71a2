"""Rows of the tables about the meeting itself: state in, plain values out.

Rows are made as in `user_rows`: relations may be functions, called when selected.
"""

from typing import Any

from loadtest.node.breakout_rows import common_row
from loadtest.node.client_settings import CLIENT_SETTINGS
from loadtest.node.content_rows import poll_row
from loadtest.node.meeting import Meeting
from loadtest.node.times import hasura_time

Row = dict[str, Any]


def meeting_row(meeting: Meeting, *, base_url: str) -> Row:
    """Return the row of table `meeting`."""
    asked = meeting.request
    return {
        "meetingId": meeting.id,
        "extId": asked.meeting_id,
        "name": asked.name,
        "ended": meeting.ended,
        "endedReasonCode": meeting.ended_reason,
        "endedByUserName": meeting.ended_by,
        "logoutUrl": asked.logout_url or base_url,
        "bannerColor": None,
        "bannerText": None,
        "durationInSeconds": asked.duration_min * 60,
        "createdTime": meeting.created_ms,
        "createdAt": hasura_time(meeting.created_ms / 1000),
        "isBreakout": asked.is_breakout,
        "audioBridge": asked.audio_bridge,
        "cameraBridge": asked.camera_bridge,
        "screenShareBridge": asked.screen_share_bridge,
        "endWhenNoModerator": asked.end_when_no_moderator,
        "endWhenNoModeratorDelayInMinutes": 1,
        "metadata": [{"name": name, "value": told} for name, told in asked.metadata],
        "groups": [],
        "maxPinnedCameras": 3,
        "meetingCameraCap": asked.meeting_camera_cap,
        "notifyRecordingIsOn": False,
        "presentationUploadExternalUrl": "",
        "presentationUploadExternalDescription": "",
        "customLogoUrl": "",
        "customDarkLogoUrl": "",
        "loginUrl": None,
        "disabledFeatures": list(asked.disabled_features),
        "lockSettings": lambda: _locks(meeting),
        "learningDashboard": {
            "learningDashboardAccessToken": meeting.learning_dashboard_token
        },
        "screenshare": lambda: screenshare_row(meeting),
        "usersPolicies": lambda: _policies(meeting),
        "layout": lambda: layout_row(meeting),
        "breakoutRoomsCommonProperties": lambda: common_row(meeting),
        "externalVideo": None,
        "componentsFlags": lambda: _flags(meeting),
        "voiceSettings": {
            "dialNumber": "613-555-1234",
            "muteOnStart": asked.mute_on_start,
            "voiceConf": asked.voice_bridge,
            "telVoice": asked.voice_bridge,
        },
        "breakoutPolicies": {
            "breakoutRooms": [],
            "captureNotes": False,
            "captureNotesFilename": "",
            "captureSlides": False,
            "captureSlidesFilename": "",
            "freeJoin": False,
            "parentId": "bbb-none",
            "privateChatEnabled": True,
            "record": False,
            "sequence": 0,
        },
        "recordingPolicies": recording_policies_row(meeting),
        "welcome": {"welcomeMsg": asked.welcome, "welcomeMsgForModerators": None},
        # Clients filter for polls that go on; filters of relations are not played here.
        "polls": lambda: [
            poll_row(meeting, poll, None)
            for poll in meeting.polls.values()
            if not poll.ended
        ],
        "clientSettings": {"clientSettingsJson": CLIENT_SETTINGS},
    }


def recording_policies_row(meeting: Meeting) -> Row:
    """Return what `create` was granted about recording."""
    asked = meeting.request
    return {
        "allowStartStopRecording": asked.allow_start_stop_recording,
        "autoStartRecording": asked.auto_start_recording,
        "keepEvents": asked.keep_events,
        "record": asked.record,
    }


def screenshare_row(meeting: Meeting) -> Row | None:
    """Return the row of table `screenshare`, None when nothing is shared."""
    share = meeting.screenshare
    if share is None:
        return None
    bridge = meeting.request.voice_bridge
    return {
        "contentType": share.content_type,
        "hasAudio": share.has_audio,
        "screenshareConf": f"{bridge}-SCREENSHARE",
        "screenshareId": share.stream,
        "startedAt": hasura_time(share.started_s),
        "stoppedAt": None,
        "stream": share.stream,
        "vidHeight": share.height,
        "vidWidth": share.width,
        "voiceConf": bridge,
    }


def layout_row(meeting: Meeting) -> Row:
    """Return the row of table `layout`."""
    layout = meeting.layout
    return {
        "cameraDockAspectRatio": layout.camera_dock_aspect_ratio,
        "cameraDockIsResizing": layout.camera_dock_is_resizing,
        "cameraDockPlacement": layout.camera_dock_placement,
        "cameraWithFocus": layout.camera_with_focus,
        "currentLayoutType": layout.current_layout,
        "presentationMinimized": layout.presentation_minimized,
        "propagateLayout": layout.propagate,
        "updatedAt": hasura_time(layout.updated_s),
    }


def _locks(meeting: Meeting) -> Row:
    locks = meeting.locks
    bound = {
        "disableCam": locks.disable_cam,
        "disableMic": locks.disable_mic,
        "disableNotes": locks.disable_notes,
        "disablePrivateChat": locks.disable_private_chat,
        "disablePublicChat": locks.disable_public_chat,
        "hideUserList": locks.hide_user_list,
        "hideViewersCursor": locks.hide_viewers_cursor,
        "hideViewersAnnotation": locks.hide_viewers_annotation,
    }
    return {
        **bound,
        "hasActiveLockSetting": any(bound.values()),
        "webcamsOnlyForModerator": meeting.webcams_only_for_moderator,
        "lockOnJoin": locks.lock_on_join,
        "lockOnJoinConfigurable": locks.lock_on_join_configurable,
    }


def _policies(meeting: Meeting) -> Row:
    asked = meeting.request
    return {
        "guestPolicy": meeting.guest_policy,
        "guestLobbyMessage": None,
        "webcamsOnlyForModerator": meeting.webcams_only_for_moderator,
        "allowModsToEjectCameras": False,
        "allowModsToUnmuteUsers": asked.allow_mods_to_unmute,
        "authenticatedGuest": True,
        "maxUserConcurrentAccesses": 3,
        "maxUsers": asked.max_participants,
        "meetingLayout": asked.layout,
        "moderatorsCanMuteAudio": True,
        "moderatorsCanUnmuteAudio": asked.allow_mods_to_unmute,
        "userCameraCap": asked.user_camera_cap,
    }


def _flags(meeting: Meeting) -> Row:
    share = meeting.screenshare
    shared = share.content_type if share else ""
    return {
        "hasBreakoutRoom": bool(meeting.breakouts.rooms),
        "hasCameraAsContent": shared == "camera",
        "hasCaption": False,
        "hasCurrentPresentation": bool(meeting.current_presentation_id),
        "hasExternalVideo": False,
        "hasPoll": any(not poll.ended for poll in meeting.polls.values()),
        "hasScreenshare": shared == "screenshare",
        "hasScreenshareAsContent": shared == "screenshare",
        "hasSharedNotes": True,
        "hasTimer": False,
        "isSharedNotesPinned": False,
        "showRemainingTime": bool(meeting.request.duration_min),
    }
