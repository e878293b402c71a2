"""The sentences that reports share: mixes, SLOs, limits, where numbers come from.

A capacity is never printed without its mix of meetings and its SLO: these functions are
how every report says them, so that they read the same everywhere.
"""

from loadtest.models import MeetingProfile, Slo
from reports import format as written
from reports.document import Notice, Tone

STAND_IN = Notice(
    text=(
        "These figures come from bbbload's own stand-in node, a small server for "
        "trials. They show that the tool works and say nothing about BigBlueButton."
    ),
    tone="warning",
    short="stand-in node, not BigBlueButton",
)

STATED = Notice(
    text=(
        "There is no history: the demand of this plan is what somebody stated, not "
        "measured."
    ),
    tone="warning",
    short="stated demand",
)
MODELLED = Notice(
    text=(
        "The history behind this plan is modelled from published figures, not measured."
    ),
    tone="warning",
    short="modelled history",
)

LIMITS: dict[str, str] = {
    "": "none seen",
    "cpu": "node CPU",
    "join success": "joins that fail",
    "join time": "join time",
    "first audio": "time to first audio",
    "first camera": "time to first camera frame",
    "audio loss": "audio loss",
    "video loss": "video loss",
    "freezes": "frozen video",
    "dropped": "dropped participants",
    "generator": "the generator",
    "cap": "the cap of the benchmark",
}

COSTS = {
    "base": "node without load",
    "participant": "participant (page, chat, signalling)",
    "audio_in": "microphone sent to the node",
    "audio_out": "audio stream sent to a listener",
    "video_in": "camera sent to the node",
    "video_out": "camera sent to a viewer",
}

VALIDITY_TONES: dict[str, Tone] = {
    "valid": "good",
    "invalid": "bad",
    "interrupted": "warning",
}


def mix(profile: MeetingProfile) -> str:
    """Say what the meetings of a profile look like."""
    silent = profile.size - profile.microphones - profile.listeners
    parts = [
        counted(profile.cameras, "camera"),
        counted(profile.microphones, "microphone"),
    ]
    if profile.listeners:
        parts.append(f"{profile.listeners} listening only")
    if silent > 0:
        parts.append(f"{silent} without audio")
    return f"meetings of {profile.size} with {written.listing(tuple(parts))}"


def manner(told: tuple[str, ...]) -> str:
    """Say how a load was made where not as usual; "" where it was."""
    said = (each.replace("clip ", "sending the film ") for each in sorted(told))
    return "".join(f", {each}" for each in said)


def manner_row(told: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the line of a page's origin that says so, none where it was usual."""
    return (("load", manner(told).removeprefix(", ")),) if told else ()


def slo(bounds: Slo) -> str:
    """Say the bounds of an SLO in one line, without their sources."""
    parts = (
        ("joins that succeed ≥ ", written.percent(bounds.join_success_min)),
        ("dropped ≤ ", written.percent(bounds.dropped_max)),
        ("join p95 ≤ ", written.seconds(bounds.join_time_p95_max_s)),
        ("first audio p95 ≤ ", written.seconds(bounds.first_audio_p95_max_s)),
        ("first camera frame p95 ≤ ", written.seconds(bounds.first_camera_p95_max_s)),
        ("audio loss p95 ≤ ", written.percent(bounds.audio_loss_p95_max)),
        ("video loss p95 ≤ ", written.percent(bounds.video_loss_p95_max)),
        ("frozen share p95 ≤ ", written.percent(bounds.frozen_p95_max)),
        ("node CPU ≤ ", written.percent(bounds.node_cpu_max)),
    )
    kept = [name + bound for name, bound in parts if bound != written.MISSING]
    return f"{bounds.name}: {', '.join(kept)}"


def slo_sources(bounds: Slo) -> str:
    """Say which bounds have a public source and which are assumed."""
    if bounds == Slo():
        return (
            "The CPU bound is the BBB FAQ's (audio degrades from about 80 % on); "
            "all other bounds are our assumption."
        )
    return "The bounds are those the user gave."


def sentence(text: str) -> str:
    """Begin a text with a capital letter and end it with a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def counted(count: int, name: str) -> str:
    """Write how many there are: no camera, 1 camera, 2 cameras."""
    return f"{count or 'no'} {name}{'' if count < 2 else 's'}"
