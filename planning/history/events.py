"""Joins and leaves out of BBB's events.xml: a stream with limits. Reads files.

A recording's events.xml comes from a server and may come from anybody: nothing in it is
expanded or kept. A document type or an entity is refused (BBB writes neither), so are
files too large, elements too deep and texts too long to be an events.xml.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from bots.errors import ConfigError

MOST_BYTES = 512 * 1024 * 1024
"""A day of a large meeting with whiteboard is under 100 MB."""
MOST_DEPTH = 64
MOST_TEXT = 4096
_CHUNK_BYTES = 1 << 16

_JOINS = {"ParticipantJoinEvent": 1, "ParticipantLeftEvent": -1}
_ENDS = "EndAndKickAllEvent"
_WANTED = ("timestampUTC", "userId")

Change = tuple[float, int]
"""(Unix time, +1 or -1; 0 ends the meeting)."""


class _Reader:
    """Events as they end, from expat's callbacks."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._depth = 0
        self._event = ""
        self._field = ""
        self._texts: dict[str, str] = {}
        self._inside: set[str] = set()
        self.changes: list[Change] = []
        parser = self.parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refused
        parser.EntityDeclHandler = self._refused
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _refused(self, *_: object) -> None:
        raise ConfigError(
            f"{self._name} declares a document type or entities, which no "
            "events.xml of BBB does: it is not read"
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ConfigError(
                f"{self._name} nests elements more than {MOST_DEPTH} deep: it is no "
                "events.xml"
            )
        if tag == "event":
            name = attributes.get("eventname", "")
            self._event = name if name in _JOINS or name == _ENDS else ""
            self._texts = {}
        self._field = tag if self._event and tag in _WANTED else ""

    def _text(self, text: str) -> None:
        if not self._field:
            return
        known = self._texts.get(self._field, "")
        if len(known) + len(text) > MOST_TEXT:
            raise ConfigError(
                f"{self._name}: a {self._field} of more than {MOST_TEXT} letters is "
                "none"
            )
        self._texts[self._field] = known + text

    def _end(self, tag: str) -> None:
        self._depth -= 1
        self._field = ""
        if tag != "event" or not self._event:
            return
        name, self._event = self._event, ""
        millis = self._texts.get("timestampUTC", "").strip()
        if not (millis.isascii() and millis.isdigit() and len(millis) < 16):
            raise ConfigError(f"{self._name}: {name} without a timestampUTC")
        change = _JOINS.get(name, 0)
        person = self._texts.get("userId", "")
        if not change:
            self._inside.clear()
            self.changes.append((int(millis) / 1000, 0))
        elif (change > 0) != (person in self._inside):
            (self._inside.add if change > 0 else self._inside.discard)(person)
            self.changes.append((int(millis) / 1000, change))


def changes_of(path: Path) -> Iterator[Change]:
    """Yield who came and went in one events.xml, without saying who.

    Raises ConfigError for a file that is none, or is larger than any should be.
    """
    reader = _Reader(path.name)
    read = 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                read += len(chunk)
                if read > MOST_BYTES:
                    raise ConfigError(
                        f"{path.name} has more than {MOST_BYTES >> 20} MiB: no "
                        "meeting's events.xml has"
                    )
                reader.parser.Parse(chunk, False)
                yield from reader.changes
                reader.changes.clear()
            reader.parser.Parse(b"", True)
        yield from reader.changes
    except expat.ExpatError as error:
        raise ConfigError(f"{path.name} is no events.xml: {error}") from error
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror or error}; name an events.xml"
        ) from error
