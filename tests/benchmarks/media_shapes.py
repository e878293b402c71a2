"""What is measured of the media engine: the streams of each row. Data, no behaviour.

`camera_in` and `camera_out` carry 293 kbit/s in 34 packets a second, cut as aiortc cuts
its own (1,300 bytes); the cameras of whole participants carry BBB's 200 kbit/s.

Each process, ours, stock aiortc's and the C loop's, carries as much as takes it some
tenths of a core. What one costs is told to say how many a core carries, and a process
that sleeps between two packets pays for waking each time, one that is busy does not:
`SPARSE` rows show how much dearer a stream is with few of them.
"""

from dataclasses import dataclass, replace

from bots.models import CAMERA_MEDIUM, CameraProfile
from tests.support.lite_server import Kind

STUDY_CAMERA = CameraProfile(
    name="study", width=640, height=360, frame_rate=15.0, bitrate_bps=293_000
)
MAX_PAYLOAD_BYTES = 1300
PYTHON_SUFFIX = "_python"
"""A row so named is the one without it, with the compiled lane left out."""
STREAMS = 300
"""Of a row that has one stream; also in the C loop."""
SPARSE = 60
SPARSE_SUFFIX = f"_of_{SPARSE}"
"""A row so named is the one without it, with so few streams, also in the C loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One m-line, as the participant sees it; without a direction it is idle."""

    kind: Kind
    receives: bool = False
    sends: bool = False


Link = tuple[Stream, ...]
"""One peer connection: one stream with bbb-webrtc-sfu, many under BUNDLE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a participant, or a stream, so many times."""

    name: str
    links: tuple[Link, ...]
    count: int
    """How many of it the engine's process carries."""
    stock_count: int
    """How many of it a process of stock aiortc carries; 0: not measured."""
    camera: CameraProfile = STUDY_CAMERA
    is_python: bool = False
    """Leave the compiled lane out, also where it was built."""


CAMERA_IN = Stream(kind="video", receives=True)
CAMERA_OUT = Stream(kind="video", sends=True)
AUDIO_IN = Stream(kind="audio", receives=True)
AUDIO_OUT = Stream(kind="audio", sends=True)
MICROPHONE = Stream(kind="audio", receives=True, sends=True)

PARTICIPANT: tuple[Link, ...] = ((MICROPHONE,), (CAMERA_OUT,), *((CAMERA_IN,),) * 9)
BUNDLED: tuple[Link, ...] = ((AUDIO_OUT, CAMERA_OUT), (AUDIO_IN, *(CAMERA_IN,) * 9))
"""The same streams as LiveKit carries them: all that is published on one connection,
all that is subscribed to on another."""
LISTENER: tuple[Link, ...] = ((AUDIO_IN,), (CAMERA_IN,))
TAB: tuple[Link, ...] = ((MICROPHONE,), (CAMERA_OUT,), *((CAMERA_IN,),) * 4)
PUBLISHERS = 4
PUBLISHED: tuple[Link, ...] = ((AUDIO_OUT, CAMERA_OUT) * PUBLISHERS,)
"""What so many publish, on one connection: a core carries hundreds of them."""

_CAMERA_IN = Row(name="camera_in", links=((CAMERA_IN,),), count=STREAMS, stock_count=8)
_PARTICIPANT = Row(
    name="camera_participant",
    links=PARTICIPANT,
    count=30,
    stock_count=1,
    camera=CAMERA_MEDIUM,
)


def in_python(row: Row) -> Row:
    """Return the row that measures the same without the compiled lane."""
    return replace(row, name=row.name + PYTHON_SUFFIX, stock_count=0, is_python=True)


def sparse(row: Row) -> Row:
    """Return the row that measures the same with few streams in the process."""
    return replace(row, name=row.name + SPARSE_SUFFIX, stock_count=0, count=SPARSE)


def stock_name(name: str) -> str:
    """Return the row with whose stock aiortc a row is compared."""
    return name.removesuffix(PYTHON_SUFFIX).removesuffix(SPARSE_SUFFIX)


ROWS = (
    _CAMERA_IN,
    Row(name="camera_out", links=((CAMERA_OUT,),), count=STREAMS, stock_count=4),
    Row(name="audio_in", links=((AUDIO_IN,),), count=STREAMS, stock_count=8),
    Row(name="audio_out", links=((AUDIO_OUT,),), count=STREAMS, stock_count=7),
    _PARTICIPANT,
    replace(
        _PARTICIPANT, name="camera_participant_bundled", links=BUNDLED, stock_count=0
    ),
    Row(
        name="listener",
        links=LISTENER,
        count=STREAMS // 2,
        stock_count=4,
        camera=CAMERA_MEDIUM,
    ),
    Row(
        name="idle_connection",
        links=((Stream(kind="audio"),),),
        count=STREAMS,
        stock_count=STREAMS // 6,
    ),
    sparse(_CAMERA_IN),
    in_python(_CAMERA_IN),
    in_python(_PARTICIPANT),
)
"""`listener`: listens only and views the lecturer's camera."""
