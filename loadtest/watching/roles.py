"""Which role of a BigBlueButton node a process plays. Data, and one look-up.

Names are those of the programs, and of the systemd services of BBB's packages
(bigbluebutton/bigbluebutton, `build/packages-template/`): a `java` or `node` alone
says nothing, its service does. Linux cuts a program's name after 15 characters
(proc(5), `comm`).
"""

import re
from dataclasses import dataclass
from typing import Final

ROLES: Final = ("audio", "video", "signalling", "web", "database", "recording")
OTHER: Final = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a process of some name is."""

    pattern: str
    """Searched in the lower-case name."""
    role: str
    one_core: bool = False
    """Whether one thread does nearly all of its work: one core is its end."""


KINDS: Final = (
    Kind(pattern=r"freeswitch", role="audio"),
    Kind(pattern=r"fsesl", role="signalling"),
    Kind(pattern=r"mediasoup", role="video", one_core=True),
    Kind(pattern=r"kurento|kms", role="video"),
    Kind(pattern=r"livekit", role="video"),
    Kind(pattern=r"webrtc-recorder|bbb-webrtc-rec", role="recording"),
    Kind(pattern=r"\bbbb-rap|resque|record-core|ffmpeg", role="recording"),
    Kind(pattern=r"webrtc-sfu", role="signalling", one_core=True),
    Kind(pattern=r"apps-akka|akka", role="signalling"),
    Kind(pattern=r"redis", role="database", one_core=True),
    Kind(pattern=r"postgres", role="database"),
    Kind(pattern=r"graphql-actions", role="database", one_core=True),
    Kind(pattern=r"hasura|graphql-serve|graphql-engine", role="database"),
    Kind(pattern=r"graphql", role="database"),
    Kind(pattern=r"mongo", role="database"),
    Kind(pattern=r"bbb-html5|meteor", role="signalling", one_core=True),
    Kind(pattern=r"nginx|haproxy", role="web"),
    Kind(pattern=r"bbb-web", role="web"),
    Kind(pattern=r"etherpad|bbb-pads|export-annot", role="web", one_core=True),
    Kind(pattern=r"coturn|turnserver", role="video"),
)
"""The first that matches counts. Video is all that forwards media by packets: with a
transparent listen-only, and with LiveKit, that includes sound."""

_COMPILED: Final = tuple((re.compile(kind.pattern), kind) for kind in KINDS)


def kind_of(name: str) -> Kind:
    """Return what a process of this name, group or service is.

    >>> kind_of("mediasoup-worke").role, kind_of("bbb-web.service").role
    ('video', 'web')
    >>> kind_of("cron").role
    'other'
    """
    name = name.lower()
    for pattern, kind in _COMPILED:
        if pattern.search(name):
            return kind
    return Kind(pattern="", role=OTHER)
