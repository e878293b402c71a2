"""A network card of a fixed speed: a bucket of bytes; what overflows it is dropped.

Time is an argument; knows no socket.
"""

QUEUE_S = 0.1
"""What the card's queue and the kernel's hold together, at full speed."""


class Uplink:
    """The card that all media of the node leave through."""

    def __init__(self, bps: float, now_s: float) -> None:
        """Take the speed in bits per second; it is above 0."""
        self.bps = bps
        self.dropped_bytes = 0
        """UDP payload that the card was too slow for."""
        self.dropped_packets = 0
        self._bytes_per_s = bps / 8
        self._room = self._room_most = self._bytes_per_s * QUEUE_S
        self._at_s = now_s

    def takes(self, length: int, now_s: float) -> bool:
        """Take a datagram of so many bytes; count it as dropped where none fits."""
        earned = (now_s - self._at_s) * self._bytes_per_s
        self._room = min(self._room_most, self._room + earned)
        self._at_s = now_s
        if self._room < length:
            self.dropped_bytes += length
            self.dropped_packets += 1
            return False
        self._room -= length
        return True
