"""Stream counts of a meeting are exact arithmetic: who sends and who sees how many.

BBB's rule: a participant sees its own camera locally and, of the others', at most one
page (5 by default); a moderator's page has no end here. Every participant with audio
receives one stream, whoever speaks. Pure; knows no measurement.
"""

from dataclasses import dataclass

from bots.errors import ConfigError
from loadtest.models import MeetingProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Streams at a node, counted from the node: `in` is what participants send."""

    participants: int = 0
    audio_in: int = 0
    audio_out: int = 0
    video_in: int = 0
    video_out: int = 0

    def __add__(self, other: "Streams") -> "Streams":
        return Streams(
            participants=self.participants + other.participants,
            audio_in=self.audio_in + other.audio_in,
            audio_out=self.audio_out + other.audio_out,
            video_in=self.video_in + other.video_in,
            video_out=self.video_out + other.video_out,
        )


def check_profile(profile: MeetingProfile) -> MeetingProfile:
    """Return `profile`, or raise ConfigError naming the number that cannot be."""
    counts = {
        "cameras": profile.cameras,
        "microphones": profile.microphones,
        "listeners": profile.listeners,
        "moderators": profile.moderators,
    }
    if profile.size < 1:
        raise ConfigError(f"meeting size {profile.size} is below 1: give at least 1")
    for name, count in counts.items():
        if not 0 <= count <= profile.size:
            raise ConfigError(
                f"{count} {name} do not fit into a meeting of {profile.size}: "
                f"give 0 to {profile.size}"
            )
    if profile.microphones + profile.listeners > profile.size:
        raise ConfigError(
            f"{profile.microphones} microphones and {profile.listeners} listeners are "
            f"more than the meeting of {profile.size}: give fewer of them"
        )
    if profile.camera_page < 0:
        raise ConfigError(f"camera page {profile.camera_page} is negative: give 0 to n")
    return profile


def streams_of_meeting(profile: MeetingProfile, size: int | None = None) -> Streams:
    """Return the streams of one meeting when its first `size` members are present.

    Members come in the order moderators first; the first ones have the cameras, the
    first ones the microphones, the next ones listen only, the rest has no audio.
    """
    present = profile.size if size is None else min(size, profile.size)
    cameras = min(profile.cameras, present)
    microphones = min(profile.microphones, present)
    with_audio = min(profile.microphones + profile.listeners, present)
    seen = 0
    for member in range(present):
        others = cameras - (1 if member < cameras else 0)
        is_moderator = member < profile.moderators
        seen += others if is_moderator else min(others, profile.camera_page)
    return Streams(
        participants=present,
        audio_in=microphones,
        audio_out=with_audio,
        video_in=cameras,
        video_out=seen,
    )


def streams_of(profile: MeetingProfile, participants: int) -> Streams:
    """Return the streams of `participants` in meetings of the profile's size.

    All meetings but the last are full.
    """
    whole, rest = divmod(participants, profile.size)
    one = streams_of_meeting(profile)
    total = Streams(
        participants=one.participants * whole,
        audio_in=one.audio_in * whole,
        audio_out=one.audio_out * whole,
        video_in=one.video_in * whole,
        video_out=one.video_out * whole,
    )
    return total + streams_of_meeting(profile, rest)
