"""What a 3.0 client asks once it is in the meeting: order and times, as data. Pure.

Times count from the moment in which `user_current` first said `joined: true`. They and
the order are those of the session in tests/data/captures/ (a moderator and presenter in
an idle room); who sends what is as in BBB's client, and where that is not known,
everyone does.

Left out on purpose: nothing of that session but the once-a-second mutation of the
audio dialog, which depends on how long a participant lingers there (`presence.py`).
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bots.protocol import operations as op
from bots.protocol.operations import Operation

Audience = Literal["everyone", "moderator", "presenter"]
LONGEST_WAIT_S = 30.0
"""A step whose facts have not come by then (no presentation, say) is given up."""


class Fact(enum.Enum):
    """A value that is known only in the meeting; steps wait for those they name."""

    SESSION_UUID = "the client's session uuid"
    NOW_HTTP = "the present time in HTTP date form"
    MEETING_CREATED_AT = "the meeting's creation, ISO 8601"
    PAGE_ID = "the current page"
    PRESENTATION_ID = "the current presentation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One frame of the opening."""

    after_s: float
    operation: Operation
    variables: tuple[tuple[str, Any], ...] = ()
    """Values, or a Fact in place of one."""
    audience: Audience = "everyone"
    ends: bool = False
    """The subscription is completed here instead of being opened."""


def _local_settings(*, locale: str = "en-US", layout: bool = True) -> dict[str, Any]:
    application: dict[str, Any] = {
        "wakeLock": True,
        "darkTheme": False,
        "animations": True,
        "pushLayout": True,
        "chatPushAlerts": False,
        "fallbackLocale": "en",
        "overrideLocale": None,
    }
    if layout:
        application["selectedLayout"] = "custom"
    application |= {
        "chatAudioAlerts": False,
        "directLeaveButton": True,
        "paginationEnabled": True,
        "pushToTalkEnabled": False,
        "userJoinPushAlerts": False,
        "raiseHandPushAlerts": True,
        "userJoinAudioAlerts": False,
        "userLeavePushAlerts": False,
        "raiseHandAudioAlerts": True,
        "userLeaveAudioAlerts": False,
        "autoCloseReactionsBar": True,
        "muteUnmuteAudioAlerts": True,
        "guestWaitingPushAlerts": True,
        "guestWaitingAudioAlerts": True,
        "whiteboardToolbarAutoHide": False,
        "webcamBorderHighlightColor": [],
        "locale": locale,
        "isRTL": False,
    }
    return {
        "application": application,
        "audio": {"inputDeviceId": "undefined", "outputDeviceId": "undefined"},
        "dataSaving": {"viewScreenshare": True, "viewParticipantsWebcams": True},
        "transcription": {"partialUtterances": True, "minUtteranceLength": 1},
    }


def _settings(after_s: float, **changes: Any) -> Step:
    variables = (("settings", _local_settings(**changes)),)
    return Step(after_s=after_s, operation=op.SET_CLIENT_SETTINGS, variables=variables)


def _layout(after_s: float, *, presentation_is_open: bool) -> Step:
    return Step(
        after_s=after_s,
        operation=op.SET_LAYOUT,
        variables=(
            ("layout", "custom"),
            ("syncWithPresenterLayout", True),
            ("presentationIsOpen", presentation_is_open),
            ("isResizing", False),
            ("cameraPosition", "contentRight"),
            ("focusedCamera", "none"),
            ("presentationVideoRate", 0),
        ),
        audience="presenter",
    )


def _at(
    after_s: float,
    *asked: Operation,
    audience: Audience = "everyone",
    **variables: Any,
) -> tuple[Step, ...]:
    return tuple(
        Step(
            after_s=after_s,
            operation=operation,
            variables=tuple(variables.items()),
            audience=audience,
        )
        for operation in asked
    )


def _notified(after_s: float) -> Step:
    return Step(
        after_s=after_s,
        operation=op.SET_UPLOAD_NOTIFIED,
        variables=(("presentationId", Fact.PRESENTATION_ID),),
        audience="presenter",
    )


OPENING: tuple[Step, ...] = (
    *_at(0.016, op.MEETING, op.PLUGINS),
    *_at(0.056, op.SET_SPEECH_OPTIONS, partialUtterances=True, minUtteranceLength=1),
    _settings(0.056),
    _settings(0.056),
    *_at(0.317, op.CHATS, op.PLUGIN_DATA_PUBLIC, op.PLUGIN_DATA_PRIVATE),
    *_at(0.317, op.NOTIFICATIONS, initialCursor="2000-01-01"),
    _settings(0.317, layout=False),
    *_at(0.318, op.CAMERAS, op.USERS_COUNT, op.CURRENT_PAGE),
    *_at(0.318, op.NOTES_REVISION, externalId="notes"),
    *_at(0.318, op.PRESENTATIONS, op.VOICE_ACTIVITY, op.RAISED_HANDS),
    *_at(0.318, op.VIEWERS_CAMERAS_COUNT),
    *_at(0.318, op.REACTIONS, initialCursor=Fact.NOW_HTTP),
    _settings(0.459, layout=False),
    _settings(0.832),
    _settings(0.832),
    _layout(0.832, presentation_is_open=True),
    *_at(0.832, op.RECORDING, op.TIMER, op.CURSOR_ACCESS, op.CURSORS, op.CAPTIONS),
    *_at(1.083, op.ANNOTATIONS, pageId=Fact.PAGE_ID),
    *_at(1.083, op.WRITE_ACCESS),
    _notified(1.139),
    *_at(
        1.433,
        op.CONNECTION_STATUS,
        audience="presenter",
        clientSessionUUID=Fact.SESSION_UUID,
    ),
    _settings(1.434),
    _layout(1.434, presentation_is_open=False),
    *_at(
        1.480,
        op.ANNOTATION_HISTORY,
        pageId=Fact.PAGE_ID,
        updatedAt=Fact.MEETING_CREATED_AT,
    ),
    Step(after_s=1.499, operation=op.CURSOR_ACCESS, ends=True),
    Step(after_s=1.499, operation=op.CURSORS, ends=True),
    _notified(1.846),
    _settings(1.846),
    _layout(1.846, presentation_is_open=False),
    *_at(1.846, op.VOICES_COUNT),
    *_at(2.045, op.GUESTS_COUNT, audience="moderator"),
    *_at(2.045, op.USER_LIST, offset=0, limit=50),
    _settings(2.060, locale="en"),
)


class Opening:
    """Which steps are due; those whose facts are missing wait without holding others.

    Time is given in, so that a test can play two seconds in none.
    """

    def __init__(
        self,
        *,
        is_moderator: bool,
        is_presenter: bool,
        steps: tuple[Step, ...] = OPENING,
    ) -> None:
        belongs = {
            "everyone": True,
            "moderator": is_moderator,
            "presenter": is_presenter,
        }
        self._waiting = [step for step in steps if belongs[step.audience]]

    def due(
        self, elapsed_s: float, facts: Mapping[Fact, str]
    ) -> list[tuple[Step, dict[str, Any]]]:
        """Return the steps to send now with their variables, in order, once each."""
        ready, waiting = [], []
        for step in self._waiting:
            if elapsed_s < step.after_s:
                waiting.append(step)
            elif (variables := _filled(step, facts)) is not None:
                ready.append((step, variables))
            elif elapsed_s < step.after_s + LONGEST_WAIT_S:
                waiting.append(step)
        self._waiting = waiting
        return ready

    def next_s(self, elapsed_s: float) -> float | None:
        """Return when `due` wants asking again, None when all has been said.

        Steps that wait for facts are asked for when data comes, and here no sooner
        than a second on.
        """
        if not self._waiting:
            return None
        coming = [s.after_s for s in self._waiting if s.after_s > elapsed_s]
        return min([*coming, elapsed_s + 1.0])


def _filled(step: Step, facts: Mapping[Fact, str]) -> dict[str, Any] | None:
    """Return the variables with their facts, None while one of them is unknown."""
    filled = {}
    for name, value in step.variables:
        if isinstance(value, Fact):
            if value not in facts:
                return None
            value = facts[value]
        filled[name] = value
    return filled
