"""The engine's gate: what is checked before its first packet, and of this machine.

Files and environment are read here, nothing is sent. Whoever started the run, it passes
this gate or it does not begin.
"""

import contextlib
import resource
from typing import Final

from bots.errors import GuardRefusal
from bots.servers import Server, resolve
from bots.wire import Begin

DESCRIPTORS_EACH: Final = 16
"""Open files of a participant with a page of cameras: about 14, and some to spare."""


def check_begin(begin: Begin) -> Server:
    """Return the server that may be loaded as `begin` asks.

    Raises ConfigError or GuardRefusal; reads files and environment, sends nothing.
    """
    caps = begin.caps
    if begin.participants > caps.participants:
        raise GuardRefusal(
            f"{begin.participants} participants are above the cap of "
            f"{caps.participants}: raise it with --max-participants if you mean it"
        )
    if begin.streams > caps.streams:
        raise GuardRefusal(
            f"{begin.streams} media streams are above the cap of {caps.streams}: raise "
            "it with --max-streams if you mean it"
        )
    if begin.duration_s > caps.duration_s:
        raise GuardRefusal(
            f"a run of {begin.duration_s:g} s is above the cap of "
            f"{caps.duration_s:g} s: raise it with --max-duration if you mean it"
        )
    return resolve(
        begin.target,
        secret_file=begin.secret_file or None,
        allow_host=begin.allow_hosts,
    )


def raise_descriptors(participants: int) -> str:
    """Raise the soft limit to the hard one; return a sentence if that is too low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    needed = 200 + DESCRIPTORS_EACH * participants
    if soft != resource.RLIM_INFINITY and soft < needed:
        return (
            f"only {soft} files may be open and {participants} participants may need "
            f"{needed}: raise the hard limit (ulimit -Hn)"
        )
    return ""


def resident_bytes() -> int:
    """Return the memory this process holds (Linux, proc(5))."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
