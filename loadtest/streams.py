"""Stream counts of a meeting are exact arithmetic: who sends and who sees how many.

BBB's rule: a participant sees its own camera locally and, of the others', at most one
page (5 by default); a moderator's page has no end here. Every participant with audio
receives one stream, whoever speaks. A meeting shows one screen, its presenter's, to all
others who look at it. Pure; knows no measurement.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from bots.errors import ConfigError
from bots.models import AudioMode
from loadtest.mixes import seats_of
from loadtest.models import MeetingProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Streams at a node, counted from the node: `in` is what participants send."""

    participants: int = 0
    audio_in: int = 0
    audio_out: int = 0
    video_in: int = 0
    video_out: int = 0
    """Cameras, as `video_in`."""
    screen_in: int = 0
    screen_out: int = 0

    def __add__(self, other: "Streams") -> "Streams":
        return Streams(
            **{
                field.name: getattr(self, field.name) + getattr(other, field.name)
                for field in fields(self)
            }
        )

    def __sub__(self, other: "Streams") -> "Streams":
        return self + other.times(-1)

    def times(self, count: int) -> "Streams":
        """Return the streams of so many equal meetings."""
        return Streams(
            **{field.name: count * getattr(self, field.name) for field in fields(self)}
        )

    @property
    def pictures_out(self) -> int:
        """Cameras and screens that participants receive."""
        return self.video_out + self.screen_out

    @property
    def both_ways(self) -> int:
        """All media streams in and out of the node."""
        video = self.video_in + self.video_out + self.screen_in + self.screen_out
        return self.audio_in + self.audio_out + video


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What a seat of a meeting sends and sees."""

    audio: AudioMode = "none"
    shares_camera: bool = False
    shares_screen: bool = False
    camera_limit: int | None = 5
    """Cameras seen at once; None: all."""
    views_screen: bool = True


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


def seat_at(profile: MeetingProfile, number: int) -> Seat:
    """Return what seat `number` of a meeting does.

    Without a mix, members come in the order moderators first; the first ones have the
    cameras, the first ones the microphones, the next ones listen only, the rest has no
    audio.
    """
    is_moderator = number < profile.moderators
    limit = None if is_moderator else profile.camera_page
    if profile.mix:
        persona = seats_of(profile.mix)[number]
        return Seat(
            audio=persona.audio,
            shares_camera=persona.shares_camera,
            shares_screen=persona.shares_screen,
            camera_limit=limit if persona.views_cameras else 0,
            views_screen=persona.habits.views_screen,
        )
    return Seat(
        audio=audio_at(profile, number),
        shares_camera=number < profile.cameras,
        camera_limit=limit,
    )


def audio_at(profile: MeetingProfile, number: int) -> AudioMode:
    """Return the audio of seat `number` of a profile without a mix."""
    if number < profile.microphones:
        return "microphone"
    if number < profile.microphones + profile.listeners:
        return "listen only"
    return "none"


def streams_of_seats(seats: Iterable[Seat]) -> Streams:
    """Return the streams of one meeting in which these seats are taken."""
    return streams_of_kinds(Counter(seats))


def streams_of_kinds(kinds: Mapping[Seat, int]) -> Streams:
    """Return the streams of one meeting by how many seats of each kind are taken."""
    cameras = sum(count for seat, count in kinds.items() if seat.shares_camera)
    screens = sum(count for seat, count in kinds.items() if seat.shares_screen)
    audio_in = audio_out = video_out = watching = 0
    for seat, count in kinds.items():
        audio_in += count if seat.audio == "microphone" else 0
        audio_out += count if seat.audio != "none" else 0
        others = cameras - seat.shares_camera
        seen = others if seat.camera_limit is None else min(others, seat.camera_limit)
        video_out += count * seen
        watching += count if seat.views_screen and not seat.shares_screen else 0
    return Streams(
        participants=sum(kinds.values()),
        audio_in=audio_in,
        audio_out=audio_out,
        video_in=cameras,
        video_out=video_out,
        screen_in=min(screens, 1),
        screen_out=watching if screens else 0,
    )


def streams_of_meeting(profile: MeetingProfile, size: int | None = None) -> Streams:
    """Return the streams of one meeting when its first `size` members are present."""
    present = profile.size if size is None else min(size, profile.size)
    return streams_of_seats(seat_at(profile, number) for number in range(present))


def streams_of(profile: MeetingProfile, participants: int) -> Streams:
    """Return the streams of `participants` in meetings of the profile's size.

    All meetings but the last are full.
    """
    whole, rest = divmod(participants, profile.size)
    full = streams_of_meeting(profile).times(whole)
    return full + streams_of_meeting(profile, rest)
