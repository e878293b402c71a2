"""Addresses of BBB servers as text: one spelling for all, and loopback. Pure."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from bots.errors import ApiRefusal, ConfigError
from bots.redaction import redact

USUAL_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
"""By scheme, where an address names no port."""


def normalise_url(text: str) -> str:
    """Return `…/bigbluebutton/api` for any usual spelling of a server's address.

    Raises ConfigError for anything that is no address of a BBB server, and does not
    repeat the parts of it that could hold a secret.
    """
    if not text or text != text.strip() or re.search(r"\s", text):
        raise ConfigError(
            f"the address {redact(text)!r} contains white space or is empty: write it "
            "like https://host/bigbluebutton/"
        )
    bare = redact(re.split(r"[?#]", text, maxsplit=1)[0])
    if "://" not in text:
        raise ConfigError(
            f"the address {bare!r} has no scheme: write https://{bare.lstrip('/')}"
        )
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise ConfigError(
            f"the address {bare!r} is no URL: write it like https://host/bigbluebutton/"
        ) from error
    if parts.scheme.lower() not in ("http", "https"):
        raise ConfigError(
            f"the address {bare!r} is neither http nor https: write it like "
            "https://host/bigbluebutton/"
        )
    if not host:
        raise ConfigError(
            f"the address {bare!r} names no host: write it like "
            "https://host/bigbluebutton/"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(
            f"the address of {host!r} carries a user name, a query or a fragment: give "
            "only https://host/bigbluebutton/ and keep the secret in a file"
        )
    shown = f"[{host}]" if ":" in host else host
    is_usual = port in (None, USUAL_PORTS[parts.scheme.lower()])
    authority = shown if is_usual else f"{shown}:{port}"
    trimmed = parts.path.rstrip("/").removesuffix("/api")
    if not trimmed.endswith("/bigbluebutton"):
        raise ConfigError(
            f"the address {bare!r} does not end in /bigbluebutton: write it as "
            f"`bbb-conf --secret` prints it, like {parts.scheme}://{authority}/bigbluebutton/"
        )
    return f"{parts.scheme.lower()}://{authority}{trimmed}/api"


def parts_of(told: str) -> SplitResult:
    """Return the parts of an address that a server told.

    Raises ApiRefusal for what is none; it is not repeated, since it may hold a session
    token.
    """
    try:
        return urlsplit(told)
    except ValueError as broken:
        raise ApiRefusal(
            "the server told an address that is none", code="malformed"
        ) from broken


def told_address(told: str) -> str:
    """Return an address of a server's index, "" where it tells none.

    Raises ApiRefusal for one that names no host.
    """
    if told and not parts_of(told).hostname:
        raise ApiRefusal(
            f"the API index tells {redact(told)[:80]!r} as an address", code="malformed"
        )
    return told


def host_of(url: str) -> str:
    """Return the host of an address, lower case, without port."""
    return (urlsplit(url).hostname or "").lower()


def authority_of(url: str) -> str:
    """Return host and port of an address, in one spelling for all that lead there.

    >>> authority_of("wss://Host.example/graphql"), authority_of("https://[::1]:81/")
    ('host.example:443', '::1:81')
    """
    parts = urlsplit(url)
    try:
        port = parts.port or USUAL_PORTS.get(parts.scheme, 0)
    except ValueError:  # beyond 65535: nothing is there to be reached
        port = 0
    return f"{host_of(url)}:{port}"


def is_loopback(host: str) -> bool:
    """Say whether `host` is this machine by definition: no name is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
