"""What a participant does and when: seeded, pure, told in data.

Talking follows ITU-T P.59 (Artificial conversational speech, 03/93): two parties move
between four states, whose durations are exponential, and the participant is one of the
two; the other one stands for everybody else in the meeting.

                 ┌────────── 0.6 ──────────┐
        single talk of A ── 0.4 ── double talk        mean durations
              0.5 │ 0.5       0.5 │ 0.5                single talk     0.854 s
                  └── mutual silence ──┘               double talk     0.226 s
                                                       mutual silence  0.456 s

What comes of it, in closed form (of each 4 visits, 1 is to each single talk, 0.8 to
double talk, 1.2 to mutual silence), beside what the recommendation's Table 1 gives for
real conversations (https://www.itu.int/rec/T-REC-P.59):

                       mean duration          share of the time
                      model    Table 1        model      Table 1
      talk spurt     1.035 s   1.004 s        42.48 %    38.53 %
      pause          1.401 s   1.587 s        57.52 %    61.47 %
      double talk    0.226 s   0.228 s         7.42 %     6.59 %
      mutual silence 0.456 s   0.508 s        22.46 %    22.48 %

The model is the recommendation's own; we do not bend it towards its table.
"""

import enum
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bots.models import (
    CAMERA_MEDIUM,
    CameraProfile,
    Habits,
    ParticipantPlan,
    Persona,
    Role,
)
from bots.protocol.rows import Poll

SINGLE_TALK_S = 0.854
DOUBLE_TALK_S = 0.226
MUTUAL_SILENCE_S = 0.456
"""Mean state durations of ITU-T P.59, section 3 (the factors before its logarithms)."""
INTERRUPTION_RATIO = 0.4
"""P.59's p1: single talk turns into double talk; else into mutual silence."""
SAME_SPEAKER_RATIO = 0.5
"""P.59's p2 and p3: who goes on after double talk, and who breaks a silence."""
SHORTEST_STATE_S = 0.02
"""One Opus packet: nothing shorter can be sent or left out."""

TYPING_S = 3.0
"""From the first key to the message, on average (our assumption)."""

SENTENCES = (
    "good morning everybody",
    "can you hear me?",
    "yes, loud and clear",
    "could you go back one slide?",
    "I have a question about the last part",
    "thank you, that helps",
    "the link is in the notes",
    "one moment please",
    "I agree",
    "see you tomorrow",
)
REACTIONS = ("👍", "👏", "😂", "😮", "❤️")
QUESTIONS = ("Is the pace right?", "Can you all see the page?", "Shall we go on?")
POLL_TYPES = {"YN": ("Yes", "No"), "TF": ("True", "False"), "A-3": ("A", "B", "C")}
STROKE_POINTS = (6, 20)
"""Fewest and most points of one gesture of the pointer or the pen (our assumption)."""


PERSONAS: dict[str, Persona] = {
    persona.name: persona
    for persona in (
        Persona(name="listener", audio="listen only", chat_interval_s=120.0),
        Persona(name="talker", talks=True),
        Persona(name="camera", talks=True, shares_camera=True),
        Persona(
            name="presenter",
            talks=True,
            shares_camera=True,
            shares_screen=True,
            role="moderator",
            habits=Habits(
                page_interval_s=90.0,
                pointer_interval_s=15.0,
                drawing_interval_s=60.0,
                poll_interval_s=600.0,
            ),
        ),
        Persona(
            name="student",
            habits=Habits(hand_interval_s=300.0, reaction_interval_s=180.0),
        ),
        Persona(
            name="lurker",
            audio="none",
            chat_interval_s=None,
            habits=Habits(answers_polls=False),
        ),
        Persona(
            name="phone",
            talks=True,
            views_cameras=False,
            chat_interval_s=None,
            habits=Habits(answers_polls=False, views_screen=False),
        ),
        Persona(
            name="late",
            audio="listen only",
            habits=Habits(join_delay_least_s=30.0, join_delay_most_s=120.0),
        ),
        Persona(
            name="flapping", audio="listen only", habits=Habits(drops_every_s=30.0)
        ),
    )
}
"""`phone` is audio only, as a telephone is; `student` has a silent microphone; the
other names speak for themselves."""


def participant_plan(
    persona: Persona,
    *,
    number: int,
    meeting_number: int,
    role: Role = "viewer",
    page: int = 5,
    seed: int = 0,
    camera: CameraProfile = CAMERA_MEDIUM,
) -> ParticipantPlan:
    """Return the plan of one participant of this kind; `page` is a viewer's page."""
    role = persona.role or role
    limit: int | None = page
    if role == "moderator":
        limit = None
    if not persona.views_cameras:
        limit = 0
    return ParticipantPlan(
        number=number,
        meeting_number=meeting_number,
        persona=persona.name,
        role=role,
        audio=persona.audio,
        talks=persona.talks,
        shares_camera=persona.shares_camera,
        shares_screen=persona.shares_screen,
        camera_view_limit=limit,
        chat_interval_s=persona.chat_interval_s,
        camera=camera,
        seed=seed,
        habits=persona.habits,
        depth=persona.depth,
        is_guest=persona.is_guest,
    )


def display_name(number: int) -> str:
    """Return the name that participant `number` shows: a number, never a person's."""
    return f"Bot {number}"


def number_of(name: str) -> int | None:
    """Return whose name this is, None for somebody who is not one of ours."""
    match = re.fullmatch(r"Bot (\d{1,9})", name, re.ASCII)
    return int(match[1]) if match else None


def device_id(plan: ParticipantPlan) -> str:
    """Return a camera's stable id in the form of a browser's: 64 hex digits."""
    return rng_of(plan, Chance.DEVICE).bytes(32).hex()


class Chance(enum.IntEnum):
    """Streams of chance: one habit more does not shift another's times."""

    DEVICE = 1
    SESSION = 2
    IDS = 3
    TALK = 4
    CHAT = 5
    HAND = 6
    DELAY = 7
    REACTION = 8
    POLL = 9
    NETWORK = 10
    PAGE = 11
    POINTER = 12
    DRAWING = 13
    ASKING = 14
    BURST = 15


def rng_of(plan: ParticipantPlan, stream: Chance) -> np.random.Generator:
    """Return one stream of a participant's chance."""
    return np.random.default_rng((plan.seed, plan.number, int(stream)))


class _Talk(enum.Enum):
    SELF = (True, SINGLE_TALK_S)
    OTHERS = (False, SINGLE_TALK_S)
    DOUBLE = (True, DOUBLE_TALK_S)
    SILENCE = (False, MUTUAL_SILENCE_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spurt:
    """A time of talking or of being silent."""

    is_talking: bool
    duration_s: float


def talk_spurts(rng: np.random.Generator) -> Iterator[Spurt]:
    """Yield spurts and pauses in turn, without end, as ITU-T P.59 generates them.

    Neighbouring states with the same answer to "does this party talk?" are one spurt.
    """
    state = _Talk.SILENCE
    is_talking, lasted_s = False, 0.0
    while True:
        talks, mean_s = state.value
        if talks != is_talking:
            yield Spurt(is_talking=is_talking, duration_s=lasted_s)
            is_talking, lasted_s = talks, 0.0
        lasted_s += max(float(rng.exponential(mean_s)), SHORTEST_STATE_S)
        state = _next_state(state, float(rng.random()))


def _next_state(state: _Talk, chance: float) -> _Talk:
    if state in (_Talk.SELF, _Talk.OTHERS):
        return _Talk.DOUBLE if chance < INTERRUPTION_RATIO else _Talk.SILENCE
    return _Talk.SELF if chance < SAME_SPEAKER_RATIO else _Talk.OTHERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A chat message to come."""

    wait_s: float
    """Until the first key is pressed."""
    typing_s: float
    """From there until it is sent."""
    text: str


def chat_messages(
    rng: np.random.Generator, interval_s: float | None
) -> Iterator[Message]:
    """Yield messages whose mean interval is `interval_s`; none for None.

    Waits are exponential, so that messages of many participants come at a steady mean
    rate without a beat.
    """
    if interval_s is None:
        return
    if not (math.isfinite(interval_s) and interval_s > 0):
        raise ValueError(f"a chat interval of {interval_s} s is no interval")
    while True:
        typing_s = min(float(rng.exponential(TYPING_S)), interval_s / 2)
        yield Message(
            wait_s=max(float(rng.exponential(interval_s)) - typing_s, 0.0),
            typing_s=typing_s,
            text=SENTENCES[int(rng.integers(len(SENTENCES)))],
        )


def answer_to(poll: Poll, rng: np.random.Generator) -> tuple[int, ...]:
    """Return the options to vote for: one, or some of a poll that takes several."""
    options = poll.option_ids
    if not options:
        return ()
    count = int(rng.integers(1, len(options) + 1)) if poll.is_multiple else 1
    chosen = rng.choice(len(options), size=count, replace=False)
    return tuple(sorted(options[int(index)] for index in chosen))


def poll_to_ask(rng: np.random.Generator) -> dict[str, Any]:
    """Return the variables of the mutation that makes a poll."""
    kind = list(POLL_TYPES)[int(rng.integers(len(POLL_TYPES)))]
    return {
        "pollType": kind,
        "pollId": f"bbbload-{rng.bytes(6).hex()}",
        "secretPoll": False,
        "question": QUESTIONS[int(rng.integers(len(QUESTIONS)))],
        "multipleResponse": False,
        "quiz": False,
        "answers": list(POLL_TYPES[kind]),
        "correctAnswer": "",
    }


def stroke(rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
    """Return the points of one gesture in percent of the page, never off it."""
    x_percent, y_percent = rng.uniform(10, 90, size=2)
    steps = rng.normal(0, 2.0, size=(int(rng.integers(*STROKE_POINTS)), 2))
    return tuple(
        (
            round(min(max(float(x_percent + x), 0.0), 100.0), 2),
            round(min(max(float(y_percent + y), 0.0), 100.0), 2),
        )
        for x, y in steps.cumsum(axis=0)
    )
