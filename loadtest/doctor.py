"""Findings about a server and this machine -> one line each: OK, WARN or FAIL. Pure.

A FAIL stops a run from being possible or from being believed; a WARN is something that
a run will meet or that could not be seen from here. Each says what to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from loadtest.machine import Machine
from loadtest.watching.reading import ClockOffset

State = Literal["OK", "WARN", "FAIL"]
EXPIRES_SOON_S: Final = 14 * 86_400.0
CLOCK_FAR_S: Final = 5.0
"""Beyond it logs of node and run can no longer be laid side by side by eye."""
DESCRIPTORS_FEW: Final = 4_096
PORTS_FEW: Final = 5_000
CONNTRACK_FEW: Final = 20_000
UNTRIED: Final = "media"
"""The line about what reading cannot show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one source of the node said, or why it said nothing."""

    node: str
    failure: str = ""
    has_roles: bool = False
    participants: int | None = None
    clock: ClockOffset | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that was looked at; what could not be is None or says why."""

    url: str
    is_https: bool
    tls_failure: str = ""
    tls_rest_s: float | None = None
    """Until the certificate expires."""
    api_failure: str = ""
    bbb_version: str = ""
    stated_version: str = ""
    """What the operator says, for a server that hides it."""
    has_graphql: bool = False
    secret_failure: str = ""
    meetings_of_people: int = 0
    people: int = 0
    runs_of_ours: tuple[str, ...] = ()
    recorded_meetings: int = 0
    http_clock: ClockOffset | None = None
    sights: tuple[Sight, ...] = ()
    machine: Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the doctor's answer."""

    state: State
    what: str
    text: str
    fix: str = ""


def examine(found: Findings) -> tuple[Line, ...]:
    """Return the lines, the server's first; without its API only what still counts."""
    return (*_server(found), *_sight(found), *_machine(found.machine))


def has_failed(lines: tuple[Line, ...]) -> bool:
    """Say whether any line is a FAIL."""
    return any(line.state == "FAIL" for line in lines)


def _server(found: Findings) -> Iterator[Line]:
    yield _certificate(found)
    if found.api_failure:
        yield Line(
            state="FAIL",
            what="API",
            text=found.api_failure,
            fix="check the address with `bbb-conf --secret` on the server",
        )
        return
    yield Line(state="OK", what="API", text=f"answers at {found.url}")
    yield _version(found)
    if found.secret_failure:
        yield Line(
            state="FAIL",
            what="secret",
            text=found.secret_failure,
            fix="take the secret anew with `bbb-conf --secret | bbbload servers add "
            "NAME -`",
        )
        return
    yield Line(state="OK", what="secret", text="signs for getMeetings")
    yield _meetings(found)
    if found.recorded_meetings:
        yield Line(
            state="WARN",
            what="recording",
            text=f"{found.recorded_meetings} meetings that are there are recorded",
            fix="if the server forces it, ours would be too: a run proves its first "
            "meeting and refuses that",
        )
    yield Line(
        state="WARN",
        what=UNTRIED,
        text="ports 16384-32768 (UDP), TURN and the bridge were not tried: reading "
        "alone cannot show them",
        fix="add --probe: it makes a meeting with two bots and names the path; all "
        "by relay would measure coturn and give no capacity of the node",
    )


def _certificate(found: Findings) -> Line:
    if not found.is_https:
        return Line(
            state="WARN",
            what="certificate",
            text="plain http: nothing proves who answers",
            fix="use the https address, unless this is a stand-in on this machine",
        )
    if found.tls_failure:
        return Line(
            state="FAIL",
            what="certificate",
            text=found.tls_failure,
            fix="renew it, or name the authority of your own with ca_file in "
            "servers.toml",
        )
    if found.tls_rest_s is None:
        return Line(
            state="FAIL",
            what="certificate",
            text="no TLS connection came about",
            fix="check the address, the network and whether nginx runs",
        )
    days = found.tls_rest_s / 86_400
    soon = found.tls_rest_s < EXPIRES_SOON_S
    return Line(
        state="WARN" if soon else "OK",
        what="certificate",
        text=f"valid for {days:.0f} days",
        fix="renew it before a run is planned" if soon else "",
    )


def _version(found: Findings) -> Line:
    version = found.bbb_version or found.stated_version
    if version.startswith("2.") or (found.bbb_version and not found.has_graphql):
        return Line(
            state="FAIL",
            what="version",
            text=f"BBB {version}: bots speak 3.0, which announces GraphQL",
            fix="measure a node with BBB 3.0",
        )
    if found.bbb_version:
        return Line(state="OK", what="version", text=f"BBB {version}")
    stated = f"hidden; you say {version}" if version else "hidden by the server"
    return Line(
        state="OK" if version else "WARN",
        what="version",
        text=stated,
        fix=""
        if version
        else "type it in with --bbb-version, or set allowRevealOfBBBVersion=true "
        "in bbb-web.properties",
    )


def _meetings(found: Findings) -> Line:
    if found.meetings_of_people:
        return Line(
            state="WARN",
            what="meetings",
            text=f"{found.meetings_of_people} meetings with {found.people} people that "
            "are not ours",
            fix="come back when it is empty: a run is refused now",
        )
    if found.runs_of_ours:
        return Line(
            state="WARN",
            what="meetings",
            text=f"meetings of our runs {', '.join(found.runs_of_ours)}",
            fix="wait for their end, or end what a killed run left: `bbbload cleanup`",
        )
    return Line(state="OK", what="meetings", text="nobody else is shown")


def _sight(found: Findings) -> Iterator[Line]:
    clocks = [sight.clock for sight in found.sights if sight.clock]
    clock = min((*clocks,), key=lambda it: it.bound_s, default=found.http_clock)
    if clock is None:
        yield Line(
            state="WARN",
            what="clock",
            text="not told by the server",
            fix="watch the node: node_exporter or ssh",
        )
    else:
        is_far = abs(clock.offset_s) - clock.bound_s > CLOCK_FAR_S
        yield Line(
            state="WARN" if is_far else "OK",
            what="clock",
            text=f"{clock.offset_s:+.3f} s from ours, give or take "
            f"{clock.bound_s:.3f} s",
            fix="let both follow NTP" if is_far else "",
        )
    if not found.sights:
        yield Line(
            state="WARN",
            what="watching",
            text="no source tells the node's CPU",
            fix="add --metrics-url to `bbbload servers add`: an exporter or ssh://NODE",
        )
    for sight in found.sights:
        if sight.failure:
            yield Line(
                state="FAIL",
                what="watching",
                text=sight.failure,
                fix="start the exporter, open its port to this machine, or change "
                "metrics_urls",
            )
            continue
        roles = "with" if sight.has_roles else "without"
        count = sight.participants
        yield Line(
            state="OK",
            what="watching",
            text=f"{sight.node} answers, {roles} CPU by role, "
            + ("counts nobody" if count is None else f"counts {count} participants"),
        )
    if found.sights and all(it.participants is None for it in found.sights):
        yield Line(
            state="WARN",
            what="second source",
            text="no source counts participants: the guard cannot prove its sight",
            fix="add the address of bigbluebutton-exporter, or ssh://NODE",
        )


def _machine(machine: Machine) -> Iterator[Line]:
    yield Line(state="OK", what="cores here", text=f"{machine.cores:g}")
    yield _enough(
        "files here",
        machine.descriptors,
        DESCRIPTORS_FEW,
        "raise the hard limit (ulimit -Hn, LimitNOFILE)",
    )
    yield _enough(
        "UDP ports here",
        machine.udp_ports,
        PORTS_FEW,
        "widen net.ipv4.ip_local_port_range",
    )
    yield _enough(
        "conntrack here",
        machine.conntrack_free,
        CONNTRACK_FEW,
        "raise net.netfilter.nf_conntrack_max",
    )
    speed = machine.uplink_bps
    yield Line(
        state="OK" if speed is not None else "WARN",
        what="uplink here",
        text="its network card tells no speed"
        if speed is None
        else f"network card of {speed / 1e6:,.0f} Mbit/s",
        fix=""
        if speed is not None
        else "make sure that it carries what `bbbload preview` says",
    )


def _enough(what: str, there: int | None, few: int, fix: str) -> Line:
    if there is None:
        return Line(state="OK", what=what, text="no limit")
    is_few = there < few
    return Line(
        state="WARN" if is_few else "OK",
        what=what,
        text=f"{there:,}",
        fix=fix if is_few else "",
    )
