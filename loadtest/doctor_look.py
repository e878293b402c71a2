"""Look at a server and this machine for the doctor; reads only, makes no meeting."""

import asyncio
import email.utils
import http.client
import ssl
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bots.errors import ApiRefusal, BbbloadError
from bots.meetings import Meetings, strangers
from bots.protocol.api import run_of
from bots.redaction import redact
from bots.servers import Server
from bots.transport import Transport
from loadtest.doctor import Findings, Sight
from loadtest.machine import this_machine
from loadtest.watching import Source, open_source
from loadtest.watching.reading import ClockOffset

TIMEOUT_S: Final = 10.0
NOBODY: Final = "doctor"


@dataclass(slots=True)
class _Front:
    """What the first connection showed."""

    tls_failure: str = ""
    tls_rest_s: float | None = None
    clock: ClockOffset | None = None


def look(server: Server, *, stated_version: str = "") -> Findings:
    """Return the findings; what fails is one of them, and nothing is raised for it."""
    is_https = server.url.startswith("https:")
    front = _front(server, is_https)
    api = asyncio.run(_api(server))
    sights = tuple(_sight(open_source(address)) for address in server.metrics_urls)
    return Findings(
        url=server.url,
        is_https=is_https,
        tls_failure=front.tls_failure,
        tls_rest_s=front.tls_rest_s,
        http_clock=front.clock,
        stated_version=stated_version,
        sights=sights,
        machine=this_machine(),
        **api,  # type: ignore[arg-type]
    )


def _front(server: Server, is_https: bool) -> _Front:
    """Connect once: the certificate, and the time of day in the answer's head."""
    found = _Front()
    parts = urlsplit(server.url)
    host, port = parts.hostname or "", parts.port
    connection: http.client.HTTPConnection
    try:
        if is_https:
            context = ssl.create_default_context(cafile=server.ca_file)
            connection = http.client.HTTPSConnection(
                host, port, timeout=TIMEOUT_S, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        try:
            connection.connect()
            if isinstance(connection.sock, ssl.SSLSocket):
                told = connection.sock.getpeercert() or {}
                ends_s = ssl.cert_time_to_seconds(str(told["notAfter"]))
                found.tls_rest_s = ends_s - time.time()
            asked_s = time.time()
            connection.request("GET", parts.path)
            date = connection.getresponse().getheader("Date")
            answered_s = time.time()
        finally:
            connection.close()
    except ssl.SSLCertVerificationError as error:
        found.tls_failure = f"not accepted: {error.verify_message}"
    except ssl.SSLError as error:
        found.tls_failure = f"no TLS: {(error.reason or 'refused').lower()}"
    except (OSError, http.client.HTTPException, KeyError):
        pass  # the API's own failure tells it
    else:
        found.clock = _http_clock(date, asked_s, answered_s)
    return found


def _http_clock(
    date: str | None, asked_s: float, answered_s: float
) -> ClockOffset | None:
    """Return the offset that an HTTP date tells: it is cut to whole seconds."""
    try:
        told_s = email.utils.parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError):
        return None
    return ClockOffset(
        offset_s=told_s + 0.5 - (asked_s + answered_s) / 2,
        bound_s=0.5 + (answered_s - asked_s) / 2,
    )


async def _api(server: Server) -> dict[str, object]:
    async with Transport(ca_file=server.ca_file, reach=server.reach) as transport:
        meetings = Meetings(server, NOBODY, transport.get, rest_of_run_s=lambda: 0.0)
        try:
            index = await meetings.check_server()
        except BbbloadError as failure:
            return {"api_failure": redact(str(failure))}
        found: dict[str, object] = {
            "bbb_version": index.bbb_version,
            "has_graphql": bool(index.graphql_websocket_url),
        }
        try:
            present = await meetings.all_meetings()
        except (BbbloadError, ApiRefusal) as failure:
            return found | {"secret_failure": redact(str(failure))}
    others = strangers(present, NOBODY)
    people = [each for each in others if run_of(each.meeting_id) is None]
    runs = {run for each in present if (run := run_of(each.meeting_id)) is not None}
    return found | {
        "meetings_of_people": len(people),
        "people": sum(each.participants for each in people),
        "runs_of_ours": tuple(sorted(runs)),
        "recorded_meetings": sum(each.is_recorded for each in people),
    }


def _sight(source: Source) -> Sight:
    try:
        reading = source.read(time.monotonic)
        if source.address.startswith("ssh:"):
            # The first answer waited for the connection: the second tells the clock.
            reading = source.read(time.monotonic)
    except BbbloadError as failure:
        return Sight(node=source.node, failure=redact(str(failure)))
    finally:
        source.close()
    counts = (reading.participants, reading.connections)
    return Sight(
        node=source.node,
        has_roles=reading.processes is not None,
        participants=max((it for it in counts if it is not None), default=None),
        clock=reading.clock,
    )
