"""Who sits where: places in meetings -> what each participant does. Pure, seeded.

Places are numbered through all meetings: place 0 to size − 1 is the first meeting. As
the lowest free place is always taken first, meetings fill exactly, one after the other,
whatever worker a participant runs on.

Within a meeting the moderators come first and the first places speak; cameras are
shared from the first place on. So a meeting not yet full already has its teacher. A
profile with a mix seats its personas instead (`mixes`).
"""

import hashlib
import heapq
from dataclasses import replace

from bots.models import AudioMode, ParticipantPlan, Role
from bots.persona import participant_plan
from loadtest.mixes import seats_of
from loadtest.models import MeetingProfile
from loadtest.streams import audio_at


def plan_participant(
    profile: MeetingProfile,
    *,
    place: int,
    number: int,
    first_meeting: int,
    seed: int,
) -> ParticipantPlan:
    """Return what the participant at `place` does; `number` is its name in the run."""
    meeting, seat = divmod(place, profile.size)
    return plan_seat(
        profile,
        seat=seat,
        number=number,
        meeting_number=first_meeting + meeting,
        seed=seed,
    )


def plan_seat(
    profile: MeetingProfile, *, seat: int, number: int, meeting_number: int, seed: int
) -> ParticipantPlan:
    """Return what the participant on one seat of a meeting does."""
    role: Role = "moderator" if seat < profile.moderators else "viewer"
    every = profile.decode_every
    is_decoding = bool(every) and number % every == 0
    if profile.mix:
        plan = participant_plan(
            seats_of(profile.mix)[seat],
            number=number,
            meeting_number=meeting_number,
            role=role,
            page=profile.camera_page,
            seed=_seed(seed, number),
        )
        return replace(plan, depth="decode") if is_decoding else plan
    audio = audio_at(profile, seat)
    shares_camera = seat < profile.cameras
    return ParticipantPlan(
        number=number,
        meeting_number=meeting_number,
        persona=_persona(role, audio, shares_camera),
        role=role,
        audio=audio,
        talks=audio == "microphone",
        shares_camera=shares_camera,
        camera_view_limit=None if role == "moderator" else profile.camera_page,
        chat_interval_s=profile.chat_interval_s,
        seed=_seed(seed, number),
        depth="decode" if is_decoding else "light",
    )


def meetings_for(profile: MeetingProfile, participants: int) -> int:
    """Return how many meetings hold that many participants."""
    return -(-participants // profile.size)


class Places:
    """The places taken; the lowest free one is given next."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._next = 0
        self._taken: set[int] = set()

    def __len__(self) -> int:
        return len(self._taken)

    @property
    def used(self) -> int:
        """How many places were ever taken: the lowest ones, without a hole."""
        return self._next

    def take(self) -> int:
        """Return the lowest free place and mark it taken."""
        if self._free:
            place = heapq.heappop(self._free)
        else:
            place = self._next
            self._next += 1
        self._taken.add(place)
        return place

    def give_back(self, place: int) -> None:
        """Free a place; one that is free already stays so."""
        if place in self._taken:
            self._taken.remove(place)
            heapq.heappush(self._free, place)


def _persona(role: Role, audio: AudioMode, shares_camera: bool) -> str:
    """Return the name under which `bots.persona` knows its habits."""
    if role == "moderator":
        return "moderator"
    if shares_camera:
        return "camera"
    return {"microphone": "talker", "listen only": "listener", "none": "lurker"}[audio]


def _seed(seed: int, number: int) -> int:
    digest = hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big")
