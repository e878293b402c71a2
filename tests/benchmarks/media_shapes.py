"""What is measured of the media engine: the streams of each row. Data, no behaviour.

`camera_in` and `camera_out` carry 293 kbit/s in 34 packets a second, cut as aiortc cuts
its own (1,300 bytes); the cameras of whole participants carry BBB's 200 kbit/s.
"""

from dataclasses import dataclass
from typing import Literal

from bots.models import CAMERA_MEDIUM, CameraProfile

STUDY_CAMERA = CameraProfile(
    name="study", width=640, height=360, frame_rate=15.0, bitrate_bps=293_000
)
MAX_PAYLOAD_BYTES = 1300


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One peer connection of a participant, as the participant sees it."""

    kind: Literal["audio", "video"]
    receives: bool = False
    sends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a participant, or a stream, so many times."""

    name: str
    links: tuple[Link, ...]
    count: int
    """How many of it the engine's process carries."""
    stock_count: int
    """How many of it a process of stock aiortc carries."""
    camera: CameraProfile = STUDY_CAMERA


CAMERA_IN = Link(kind="video", receives=True)
CAMERA_OUT = Link(kind="video", sends=True)
AUDIO_IN = Link(kind="audio", receives=True)
AUDIO_OUT = Link(kind="audio", sends=True)
MICROPHONE = Link(kind="audio", receives=True, sends=True)

PARTICIPANT = (MICROPHONE, CAMERA_OUT, *(CAMERA_IN,) * 9)
LISTENER = (AUDIO_IN, CAMERA_IN)
TAB = (MICROPHONE, CAMERA_OUT, *(CAMERA_IN,) * 4)

ROWS = (
    Row(name="camera_in", links=(CAMERA_IN,), count=60, stock_count=4),
    Row(name="camera_out", links=(CAMERA_OUT,), count=60, stock_count=3),
    Row(name="audio_in", links=(AUDIO_IN,), count=60, stock_count=4),
    Row(name="audio_out", links=(AUDIO_OUT,), count=60, stock_count=4),
    Row(
        name="camera_participant",
        links=PARTICIPANT,
        count=12,
        stock_count=1,
        camera=CAMERA_MEDIUM,
    ),
    Row(name="listener", links=LISTENER, count=50, stock_count=2, camera=CAMERA_MEDIUM),
    Row(
        name="idle_connection",
        links=(Link(kind="audio"),),
        count=60,
        stock_count=8,
    ),
)
"""`listener`: listens only and views the lecturer's camera."""
