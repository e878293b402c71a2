"""The meetings that a benchmark loads a node with, as data.

Three mixes that stress a node differently, in two sizes: `small` fits a stand-in node
on one core, `usual` is what a real node is loaded with. Beside each stands its
*contrast*, a lighter mix loaded for one step. With meetings of one shape, streams grow
in fixed proportion to participants: three profiles alone span four directions, and six
costs can't be told apart (the scaled condition number of that design is infinite; with
the contrasts it is below 30).
"""

from typing import Literal

from bots.errors import ConfigError
from loadtest.models import MeetingProfile

Sizes = Literal["small", "usual"]

SMALL_PROFILES = (
    MeetingProfile(name="talks", size=8, cameras=1, microphones=2, listeners=2),
    MeetingProfile(name="classes", size=6, cameras=2, microphones=6, listeners=0),
    MeetingProfile(name="groups", size=3, cameras=3, microphones=3, listeners=0),
)
"""Talks with few cameras, half of the audience without audio; classes; small groups
with all cameras on."""

USUAL_PROFILES = (
    MeetingProfile(name="talks", size=40, cameras=1, microphones=3, listeners=17),
    MeetingProfile(name="classes", size=24, cameras=6, microphones=24, listeners=0),
    MeetingProfile(name="groups", size=5, cameras=5, microphones=5, listeners=0),
)

PROFILES: dict[Sizes, tuple[MeetingProfile, ...]] = {
    "small": SMALL_PROFILES,
    "usual": USUAL_PROFILES,
}


def profiles_named(names: tuple[str, ...], sizes: Sizes) -> tuple[MeetingProfile, ...]:
    """Return the profiles of these names in the order asked for; all for no name."""
    known = {profile.name: profile for profile in PROFILES[sizes]}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            f"there is no meeting profile {unknown[0]!r}: choose among "
            + ", ".join(known)
        )
    return tuple(known[name] for name in dict.fromkeys(names)) or PROFILES[sizes]


def contrast_of(profile: MeetingProfile) -> MeetingProfile | None:
    """Return the lighter mix that makes the profile's costs tellable, if it has one.

    Talks lose all media (participants alone are left), classes keep one speaker and
    listeners, groups keep their microphones.
    """
    size = profile.size
    shapes = {
        "talks": ("talks without media", 0, 0),
        "classes": ("classes listening", 1, size - 1),
        "groups": ("groups without cameras", size, 0),
    }
    if profile.name not in shapes:
        return None
    name, microphones, listeners = shapes[profile.name]
    return MeetingProfile(
        name=name,
        size=size,
        cameras=0,
        microphones=microphones,
        listeners=listeners,
        moderators=profile.moderators,
        camera_page=profile.camera_page,
        chat_interval_s=profile.chat_interval_s,
    )
