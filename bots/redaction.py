"""Secrets that hide themselves, and the one place that redacts text.

Every text that leaves the program (logs, reports, result files, error sentences) may
be passed through `redact`; it removes each secret this process has held, and whatever
looks like a credential of BBB's protocols. It knows no file and no server.
"""

import re
from typing import Final, NoReturn
from urllib.parse import quote, quote_plus

HIDDEN: Final = "<secret>"

_known: set[str] = set()

_NAMES = (
    r"checksum|session_?token|x-session-token|jsessionid|auth_?token|reset_?token"
    r"|livekit_?token|[a-z_]*access_?token"  # of the learning dashboard, for one
    r"|attendeepw|moderatorpw|password|passwd|ice-pwd|credential|shared_?secret"
    r"|bbb_secret|secret"
)
_ASSIGNED = re.compile(
    rf"""(?ix)
    (?P<name> (?<![a-z0-9]) (?:{_NAMES}) )
    (?P<between> ["']? \s* (?: = | : | %3d | %3a ) \s* )
    (?P<value>
        "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*'
        | (?!<secret>) [^\s&"'<>,;{{}}\[\]()]+
    )
    """
)
_ELEMENT = re.compile(rf"(?i)<(?P<name>{_NAMES})>(?P<value>[^<]+)</(?P=name)>")
_AUTHORIZATION = re.compile(
    r"(?i)(?P<name>authorization\s*[:=]\s*)(?:(?:bearer|basic|digest)\s+)?\S+"
)
_USERINFO = re.compile(r"(?i)(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/@]+@")


class Secret:
    """A shared secret: shown as `<secret>`, revealed only by name, never pickled.

    Creating one makes `redact` remove its value from every later text of the process.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        # A secret of one or two characters would black out ordinary words.
        if len(value) >= 4:
            _known.update({value, quote(value, safe=""), quote_plus(value)})

    def reveal(self) -> str:
        """Return the value, for signing and for nothing else."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret does not travel between processes")


def redact(text: str) -> str:
    """Return `text` without known secrets and without anything that looks like one.

    Removed are values of `checksum`, `sessionToken`, `JSESSIONID`, auth tokens and
    passwords as query parameters, headers, JSON members, XML elements and SDP lines,
    `Authorization` headers, and user names and passwords in URLs.
    """
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _ELEMENT.sub(rf"<\g<name>>{HIDDEN}</\g<name>>", text)
    text = _AUTHORIZATION.sub(rf"\g<name>{HIDDEN}", text)
    text = _USERINFO.sub(rf"\g<scheme>{HIDDEN}@", text)
    return _ASSIGNED.sub(_hide_value, text)


def _hide_value(match: re.Match[str]) -> str:
    value = match["value"]
    quote_mark = value[0] if value[0] in "\"'" else ""
    return f"{match['name']}{match['between']}{quote_mark}{HIDDEN}{quote_mark}"
