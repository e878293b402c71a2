"""The misbehaviours that a test can order from the node, by name.

`--fault NAME` or `--fault NAME=VALUE`, repeated. Each is one that a real server, its
middleware or a balancer in front of it shows; none is on unless asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from bots.errors import ConfigError
from bots.media.dtls import FINGERPRINT_FAMILIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What the node does wrong on purpose; the field name is the switch's name."""

    slow_ack: float = 0.0
    """Seconds from `connection_init` to `connection_ack`."""
    refuse_connection: str = ""
    """messageId with which every GraphQL connection is refused (close code 4403)."""
    connections_limit: bool = False
    """Every GraphQL connection meets a full server (1011)."""
    rate_limited: bool = False
    """Every GraphQL upgrade is answered 429."""
    drop_graphql: float = 0.0
    """Seconds after the ack at which the socket is cut, once per session token."""
    disconnect_user: float = 0.0
    """Seconds after joining until `able_to_rejoin_user_disconnected_reason`, once."""
    refuse_join: str = ""
    """joinErrorCode of every `userJoinMeeting`."""
    ignore_join: bool = False
    """`userJoinMeeting` is accepted, and nothing follows."""
    eject: str = ""
    """ejectReasonCode with which everybody is removed a second after joining, or
    `logged_out`."""
    deny_guests: bool = False
    """Whoever waits in the lobby is denied at the next tick."""
    html: bool = False
    """API calls are answered with a web page, as a wrong host would."""
    bbb_version: str = ""
    """Version in the index, in place of the node's."""
    missing_field: str = ""
    """`type.field` that its GraphQL does not know, as a version that nobody has an
    adapter for."""
    not_bbb3: bool = False
    """The index names no GraphQL URL, as BBB 2.7's."""
    bridge: str = ""
    """Media bridge of every meeting, for example `livekit`."""
    override: str = ""
    """`name:value,…`: create parameters that the server sets otherwise than asked."""
    force_lobby: bool = False
    """Every viewer waits in the lobby, as with a forced guest policy."""
    api_refuses: str = ""
    """Message key with which every signed call fails, or `call:key` for one call; of
    `join` by redirect, since it fails before its parameters are looked at."""
    join_refuses: str = ""
    """Message key with which every join fails after its parameters were read."""
    missing_session: bool = False
    """Session calls (stuns and the static data) know no session."""
    sfu_error: str = ""
    """Code with which bbb-webrtc-sfu answers every `start`, or `what:code` for one:
    `audio` (`passive`: that of passive listeners), camera `share` and `viewer`, screen
    `send` and `recv`."""
    sfu_unauthorized: bool = False
    """Media signalling upgrades are answered 401."""
    sfu_closes: bool = False
    """Media signalling sockets are closed at once, without a word, as when nginx passes
    on too few headers."""
    silent_start: bool = False
    """`start` is never answered, as when akka answers no permission probe."""
    drop_sfu: float = 0.0
    """Seconds after `start` at which the media signalling socket is cut, once per
    session token."""
    silent_media: bool = False
    """ICE and DTLS succeed, but no RTP ever comes."""
    lost_answer: bool = False
    """`subscriberAnswer` is lost without a word."""
    dead_ice: bool = False
    """Media transports answer no connectivity check: media never flow."""
    fingerprint: str = ""
    """Family of every DTLS fingerprint, in place of one by chance."""
    viewer_loss: float = 0.0
    """Share of the packets that viewers and listeners do not get, below 1."""
    crowded_audio: float = 0.0
    """People in audio that the mixer serves, as one busy process would while the node
    is calm: with more of them each packet is lost with 1 − this ÷ their number."""
    dead_worker: float = 0.0
    """Seconds from the first media transport until all transports of that moment fall
    silent, once: a worker that died."""
    dead_rtp: float = 0.0
    """The same for RTP alone: checks are answered and reports go on."""
    dead_rtcp: float = 0.0
    """The same for RTCP alone."""

    def refusal_of(self, call: str) -> str:
        """Return the key with which a signed call fails, "" where it does not."""
        return _meant_for(call, self.api_refuses)

    def sfu_error_of(self, what: str) -> str:
        """Return the code with which such a `start` fails, "" where it does not."""
        return _meant_for(what, self.sfu_error)

    def removal(self) -> tuple[str | None, bool]:
        """Return the reason of `eject`, and whether it is a logout instead."""
        is_logout = self.eject == "logged_out"
        return None if is_logout else self.eject, is_logout

    def overrides(self) -> dict[str, str]:
        """Return `override` as parameters."""
        pairs = (item.partition(":") for item in self.override.split(",") if item)
        return {name.strip(): value.strip() for name, _, value in pairs}


def parse_faults(texts: Iterable[str]) -> Faults:
    """Return the faults of `--fault` options; raise ConfigError for an unknown one."""
    kinds = get_type_hints(Faults)
    known = {field.name.replace("_", "-"): field.name for field in fields(Faults)}
    chosen: dict[str, Any] = {}
    for text in texts:
        name, has_value, value = text.partition("=")
        field_name = known.get(name)
        if field_name is None:
            raise ConfigError(f"unknown fault {name!r}: use one of {', '.join(known)}")
        kind = kinds[field_name]
        if kind is bool:
            if has_value:
                raise ConfigError(f"fault {name!r} takes no value, got {value!r}")
            chosen[field_name] = True
        elif not value:
            raise ConfigError(f"fault {name!r} needs a value: --fault {name}=VALUE")
        else:
            chosen[field_name] = _seconds(name, value) if kind is float else value
    if chosen.get("viewer_loss", 0.0) >= 1.0:
        raise ConfigError(
            f"fault 'viewer-loss' wants a share below 1, got {chosen['viewer_loss']:g}"
        )
    family = chosen.get("fingerprint", "sha-256")
    if family not in FINGERPRINT_FAMILIES:
        raise ConfigError(
            f"fault 'fingerprint' wants one of {', '.join(FINGERPRINT_FAMILIES)}, "
            f"got {family!r}"
        )
    return Faults(**chosen)


def _meant_for(which: str, text: str) -> str:
    only, _, value = text.rpartition(":")
    return value if only in ("", which) else ""


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        raise ConfigError(f"fault {name!r} wants seconds, got {value!r}") from None
    if not 0 < seconds < 3600:
        raise ConfigError(f"fault {name!r} wants seconds from 0 to 3600, got {value!r}")
    return seconds
