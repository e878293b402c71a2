"""Addresses of BBB servers as text: one spelling for all, and loopback. Pure."""

import ipaddress
import re
from urllib.parse import urlsplit

from bots.errors import ConfigError
from bots.redaction import redact


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
    authority = shown if port is None else f"{shown}:{port}"
    trimmed = parts.path.rstrip("/").removesuffix("/api")
    if not trimmed.endswith("/bigbluebutton"):
        raise ConfigError(
            f"the address {bare!r} does not end in /bigbluebutton: write it as "
            f"`bbb-conf --secret` prints it, like {parts.scheme}://{authority}/bigbluebutton/"
        )
    return f"{parts.scheme.lower()}://{authority}{trimmed}/api"


def host_of(url: str) -> str:
    """Return the host of an address, lower case, without port."""
    return (urlsplit(url).hostname or "").lower()


def is_loopback(host: str) -> bool:
    """Say whether `host` is this machine by definition: no name is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
