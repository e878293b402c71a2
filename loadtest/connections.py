"""How many connections a load opens: exact arithmetic, as its streams are.

A browser in BBB 3.0 has one GraphQL WebSocket, one to bbb-webrtc-sfu for its audio and
one for all its cameras, one for each screen; and a media transport of its own for its
audio, for each camera sent or seen and for each screen. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.models import MeetingProfile
from loadtest.streams import Seat, seat_at, streams_of_seats


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Open connections between the generator and the node."""

    sockets: int = 0
    """WebSockets."""
    transports: int = 0
    """ICE transports: a UDP port of the generator each."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.sockets + self.transports


def connections_of(profile: MeetingProfile, participants: int) -> Connections:
    """Return the connections of `participants`; all meetings but the last are full."""
    whole, rest = divmod(participants, profile.size)
    full = _of_seats([seat_at(profile, number) for number in range(profile.size)])
    last = _of_seats([seat_at(profile, number) for number in range(rest)])
    return Connections(
        sockets=whole * full.sockets + last.sockets,
        transports=whole * full.transports + last.transports,
    )


def _of_seats(seats: Sequence[Seat]) -> Connections:
    streams = streams_of_seats(seats)
    screens = streams.screen_in + streams.screen_out
    sockets = len(seats) + screens
    for seat in seats:
        others = streams.video_in - seat.shares_camera
        sees = others > 0 and seat.camera_limit != 0
        sockets += (seat.audio != "none") + (seat.shares_camera or sees)
    return Connections(
        sockets=sockets,
        transports=streams.audio_out + streams.video_in + streams.video_out + screens,
    )
