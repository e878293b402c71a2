"""Mutations of presenters and moderators: layout, pages, shapes, polls, locks, the end.

Importing this module adds them to `mutations.FUNCTIONS`.
"""

from dataclasses import fields

from loadtest.node.content import Annotation, LockSettings, Poll
from loadtest.node.mutations import (
    FLAG,
    JSON,
    LIST,
    NUMBER,
    TEXT,
    Arguments,
    Caller,
    function,
)

LAYOUTS = {
    "custom": "CUSTOM_LAYOUT",
    "smart": "SMART_LAYOUT",
    "presentationFocus": "PRESENTATION_FOCUS",
    "videoFocus": "VIDEO_FOCUS",
    "camerasOnly": "CAMERAS_ONLY",
    "presentationOnly": "PRESENTATION_ONLY",
    "participantsAndChatOnly": "PARTICIPANTS_AND_CHAT_ONLY",
    "mediaOnly": "MEDIA_ONLY",
}
POLL_OPTIONS = {
    "YN": ["Yes", "No"],
    "YNA": ["Yes", "No", "Abstention"],
    "TF": ["True", "False"],
    "A-2": ["A", "B"],
    "A-3": ["A", "B", "C"],
    "A-4": ["A", "B", "C", "D"],
    "A-5": ["A", "B", "C", "D", "E"],
}
"""Options of the ready-made poll types; other types bring their own."""


@function(
    "meetingLayoutSetProps",
    layout=TEXT,
    syncWithPresenterLayout=FLAG,
    presentationIsOpen=FLAG,
    isResizing=FLAG,
    optional={
        "cameraPosition": TEXT,
        "focusedCamera": TEXT,
        "presentationVideoRate": NUMBER,
    },
)
def _layout(caller: Caller, arguments: Arguments) -> None:
    meeting, user = caller.meeting, caller.user
    if not (user.presenter or user.is_moderator):
        return
    layout = meeting.layout
    layout.current_layout = LAYOUTS.get(arguments["layout"], layout.current_layout)
    layout.propagate = arguments["syncWithPresenterLayout"]
    layout.presentation_minimized = not arguments["presentationIsOpen"]
    layout.camera_dock_is_resizing = arguments["isResizing"]
    layout.camera_dock_placement = arguments.get("cameraPosition") or ""
    layout.camera_with_focus = arguments.get("focusedCamera") or "none"
    layout.camera_dock_aspect_ratio = arguments.get("presentationVideoRate") or 0
    layout.updated_s = meeting.now_s()
    meeting.changed("layout", user_id=user.id)
    meeting.notify("app.layoutUpdate.label", user=user)


@function("presentationSetUploadCompletionNotified", presentationId=TEXT)
def _upload_notified(caller: Caller, arguments: Arguments) -> None:
    shown = caller.meeting.presentations.get(arguments["presentationId"])
    if shown is not None:
        shown.upload_completion_notified.add(caller.user.id)
        caller.meeting.changed("presentation", user_id=caller.user.id)


@function("presentationSetPage", role="presenter", presentationId=TEXT, pageId=TEXT)
def _page(caller: Caller, arguments: Arguments) -> None:
    meeting = caller.meeting
    shown = meeting.presentations.get(arguments["presentationId"])
    number = arguments["pageId"].rpartition("/")[2]
    if shown is None or not number.isdecimal() or not 1 <= int(number) <= shown.pages:
        return
    shown.current_page = int(number)
    meeting.current_presentation_id = shown.presentation_id
    meeting.cursors.clear()
    meeting.changed("presentation", "annotation", "cursor", user_id=caller.user.id)


@function(
    "presentationSetZoom",
    role="presenter",
    presentationId=TEXT,
    pageId=TEXT,
    pageNum=NUMBER,
    xOffset=NUMBER,
    yOffset=NUMBER,
    widthRatio=NUMBER,
    heightRatio=NUMBER,
)
def _zoom(caller: Caller, arguments: Arguments) -> None:
    shown = caller.meeting.presentations.get(arguments["presentationId"])
    if shown is not None:
        shown.zoom = (
            float(arguments["xOffset"]),
            float(arguments["yOffset"]),
            1440.0 * arguments["widthRatio"] / 100,
            931.7647058823529 * arguments["heightRatio"] / 100,
        )
        caller.meeting.changed("presentation", user_id=caller.user.id)


@function("presentationSetWriters", role="presenter", pageId=TEXT, usersIds=LIST)
def _writers(caller: Caller, arguments: Arguments) -> None:
    for user in caller.meeting.present():
        user.whiteboard_write_access = user.presenter or (
            user.id in arguments["usersIds"]
        )
    caller.meeting.changed("user", "presentation", user_id=caller.user.id)


@function(
    "presentationPublishCursor", whiteboardId=TEXT, xPercent=NUMBER, yPercent=NUMBER
)
def _cursor(caller: Caller, arguments: Arguments) -> None:
    meeting, user = caller.meeting, caller.user
    if user.presenter or user.whiteboard_write_access:
        meeting.cursors[user.id] = (
            float(arguments["xPercent"]),
            float(arguments["yPercent"]),
            meeting.now_s(),
        )
        meeting.changed("cursor", user_id=user.id)


@function("presAnnotationSubmit", pageId=TEXT, annotations=JSON)
def _annotate(caller: Caller, arguments: Arguments) -> None:
    meeting, user = caller.meeting, caller.user
    shapes = arguments["annotations"]
    if not user.whiteboard_write_access or not isinstance(shapes, list):
        return
    for shape in shapes:
        if not isinstance(shape, dict) or not isinstance(shape.get("id"), str):
            continue
        annotation = Annotation(
            annotation_id=shape["id"],
            page_id=arguments["pageId"],
            user_id=user.id,
            info=shape.get("annotationInfo", shape),
            updated_s=meeting.now_s(),
        )
        meeting.annotations[shape["id"]] = annotation
        meeting.annotation_log.append(annotation)
    meeting.changed("annotation", user_id=user.id)


@function("presAnnotationDelete", pageId=TEXT, annotationsIds=LIST)
def _erase(caller: Caller, arguments: Arguments) -> None:
    meeting, user = caller.meeting, caller.user
    if not user.whiteboard_write_access:
        return
    for annotation_id in arguments["annotationsIds"]:
        if meeting.annotations.pop(annotation_id, None) is not None:
            meeting.annotation_log.append(
                Annotation(
                    annotation_id=annotation_id,
                    page_id=arguments["pageId"],
                    user_id=user.id,
                    info="",
                    updated_s=meeting.now_s(),
                )
            )
    meeting.changed("annotation", user_id=user.id)


@function(
    "pollCreate",
    role="presenter",
    pollId=TEXT,
    pollType=TEXT,
    secretPoll=FLAG,
    question=TEXT,
    multipleResponse=FLAG,
    optional={"quiz": FLAG, "answers": LIST, "correctAnswer": TEXT},
)
def _poll_create(caller: Caller, arguments: Arguments) -> None:
    meeting = caller.meeting
    kind = arguments["pollType"]
    options = arguments.get("answers") or POLL_OPTIONS.get(kind, [])
    for other in meeting.polls.values():
        other.ended = True
    poll_id = arguments["pollId"]
    meeting.polls[poll_id] = Poll(
        poll_id=poll_id,
        poll_type=kind,
        question=arguments["question"],
        secret=arguments["secretPoll"],
        multiple=arguments["multipleResponse"],
        quiz=bool(arguments.get("quiz")),
        options=[str(option) for option in options],
        created_s=meeting.now_s(),
    )
    meeting.changed("poll", user_id=caller.user.id)


@function("pollSubmitUserVote", pollId=TEXT, answerIds=LIST)
def _vote(caller: Caller, arguments: Arguments) -> None:
    poll = caller.meeting.polls.get(arguments["pollId"])
    numbers = [n for n in arguments["answerIds"] if isinstance(n, int)]
    if poll is None or poll.ended or caller.user.id in poll.votes:
        return
    valid = tuple(number for number in numbers if 0 <= number < len(poll.options))
    if valid and (poll.multiple or len(valid) == 1):
        poll.votes[caller.user.id] = valid
        caller.meeting.changed("poll", user_id=caller.user.id)


@function("pollSubmitUserTypedVote", pollId=TEXT, answer=TEXT)
def _typed_vote(caller: Caller, arguments: Arguments) -> None:
    poll = caller.meeting.polls.get(arguments["pollId"])
    if poll is None or poll.ended or caller.user.id in poll.votes:
        return
    answer = arguments["answer"]
    if answer not in poll.options:
        poll.options.append(answer)
    poll.votes[caller.user.id] = (poll.options.index(answer),)
    caller.meeting.changed("poll", user_id=caller.user.id)


@function("pollPublishResult", role="presenter", pollId=TEXT)
def _publish_poll(caller: Caller, arguments: Arguments) -> None:
    poll = caller.meeting.polls.get(arguments["pollId"])
    if poll is not None:
        poll.published = poll.ended = True
        caller.meeting.changed("poll", user_id=caller.user.id)


@function("pollCancel", role="presenter")
def _cancel_poll(caller: Caller, arguments: Arguments) -> None:
    for poll_id in [p.poll_id for p in caller.meeting.polls.values() if not p.ended]:
        del caller.meeting.polls[poll_id]
    caller.meeting.changed("poll", user_id=caller.user.id)


@function("meetingEnd", role="moderator")
def _end(caller: Caller, arguments: Arguments) -> None:
    caller.meeting.end(
        reason="ENDED_FROM_MODERATOR", by=caller.user.name, forcibly=True
    )


@function(
    "meetingLockSettingsSetProps",
    role="moderator",
    optional={
        "disableCam": FLAG,
        "disableMic": FLAG,
        "disableNotes": FLAG,
        "disablePrivChat": FLAG,
        "disablePubChat": FLAG,
        "hideUserList": FLAG,
        "hideViewersCursor": FLAG,
        "hideViewersAnnotation": FLAG,
        "lockOnJoin": FLAG,
        "lockOnJoinConfigurable": FLAG,
    },
)
def _locks(caller: Caller, arguments: Arguments) -> None:
    meeting = caller.meeting
    names = {
        "disablePrivChat": "disable_private_chat",
        "disablePubChat": "disable_public_chat",
    }
    known = {field.name for field in fields(LockSettings)}
    for argument, value in arguments.items():
        name = names.get(argument, _snake(argument))
        if name in known and isinstance(value, bool):
            setattr(meeting.locks, name, value)
    for user in tuple(meeting.present()):
        if user.is_locked_viewer:
            if meeting.locks.disable_mic:
                meeting.set_muted(user, True)
            if meeting.locks.disable_cam:
                for stream_id in tuple(user.cameras):
                    meeting.stop_camera(user, stream_id)
            meeting.changed("role", user_id=user.id)
    meeting.changed("meeting", "user")


@function(
    "meetingSetWebcamOnlyForModerator", role="moderator", webcamsOnlyForModerator=FLAG
)
def _webcams_only(caller: Caller, arguments: Arguments) -> None:
    caller.meeting.webcams_only_for_moderator = arguments["webcamsOnlyForModerator"]
    caller.meeting.changed("meeting", "camera")


@function("meetingGuestSetPolicy", role="moderator", guestPolicy=TEXT)
def _guest_policy(caller: Caller, arguments: Arguments) -> None:
    caller.meeting.guest_policy = arguments["guestPolicy"]
    caller.meeting.changed("meeting", "guest")


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
