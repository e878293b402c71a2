"""`bbbload doctor` at a real stand-in with faults, and at real TLS servers."""

import asyncio
import contextlib
import ipaddress
import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bots.servers import Secret, normalise_url
from loadtest.cli import run_command
from loadtest.node.faults import parse_faults
from loadtest.node.settings import NodeSettings
from loadtest.server_list import add_server
from tests.support.asynctest import asynctest
from tests.support.node import SECRET, local_node


async def doctor(capfd, *arguments):
    code = await asyncio.to_thread(run_command, ["doctor", *arguments, "--json"])
    lines = json.loads(capfd.readouterr().out)["lines"]
    return code, {line["what"]: line for line in lines}


@asynctest
async def test_a_sound_node_is_only_read(capfd):
    async with local_node() as node:
        url = normalise_url(f"{node.url}/bigbluebutton/")
        add_server("north", url, Secret(SECRET), metrics_urls=(node.metrics_url,))
        code, lines = await doctor(capfd, "north")
        made = node.running.node.meetings_created

    assert (code, made) == (0, 0)
    assert lines["secret"]["state"] == "OK"
    assert lines["version"]["text"] == "BBB 3.0.19"
    assert "counts 0 participants" in lines["watching"]["text"]


@pytest.mark.parametrize(
    ("fault", "what", "state"),
    [
        ("api-refuses=getMeetings:checksumError", "secret", "FAIL"),
        ("html", "API", "FAIL"),
        ("not-bbb3", "version", "FAIL"),
        ("bbb-version=2.7.4", "version", "FAIL"),
    ],
)
@asynctest
async def test_a_fault_of_the_node_is_named(capfd, monkeypatch, fault, what, state):
    monkeypatch.setenv("BBB_SECRET", SECRET)
    settings = NodeSettings(secret=SECRET, faults=parse_faults([fault]))
    async with local_node(settings) as node:
        code, lines = await doctor(capfd, f"{node.url}/bigbluebutton/")

    assert (code, lines[what]["state"]) == (8, state), lines
    assert SECRET not in str(lines)


@asynctest
async def test_nobody_at_the_address_is_a_fail(capfd, monkeypatch):
    monkeypatch.setenv("BBB_SECRET", SECRET)

    code, lines = await doctor(capfd, "https://127.0.0.1:1/bigbluebutton/")

    assert code == 8
    assert {lines["certificate"]["state"], lines["API"]["state"]} == {"FAIL"}


@contextlib.contextmanager
def tls_server(folder, days):
    """Serve an empty page with a certificate of our own; yield address and PEM file."""
    key, pem = ec.generate_private_key(ec.SECP256R1()), folder / "cert.pem"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(
        encoding,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem.write_bytes(private + certificate.public_bytes(encoding))

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}/bigbluebutton/", pem
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("days", "trusted", "state", "text"),
    [
        (90, True, "OK", "valid for"),
        (5, True, "WARN", "valid for"),
        (90, False, "FAIL", "self-signed"),
        (-1, True, "FAIL", "expired"),
    ],
)
@asynctest
async def test_a_certificate_is_judged(capfd, tmp_path, days, trusted, state, text):
    with tls_server(tmp_path, days) as (url, pem):
        ca_file = str(pem) if trusted else None
        add_server("tls", normalise_url(url), Secret(SECRET), ca_file=ca_file)
        _, lines = await doctor(capfd, "tls")

    line = lines["certificate"]
    assert (
        line["state"],
        text in line["text"].replace("self signed", "self-signed"),
    ) == (state, True), line


async def probed(capfd, *faults):
    """Probe a stand-in that counts its participants; return code, lines, meetings."""
    settings = NodeSettings(secret=SECRET, faults=parse_faults(faults))
    async with local_node(settings) as node:
        url = normalise_url(f"{node.url}/bigbluebutton/")
        add_server("north", url, Secret(SECRET), metrics_urls=(node.metrics_url,))
        code, lines = await doctor(capfd, "north", "--probe", "--probe-time", "5s")
        held = node.running.node
        left = [each for each in held.meetings.values() if not each.ended]
        return code, lines, held.meetings_created, len(left)


@asynctest(limit_s=90)
async def test_a_probe_sees_and_hears_both_ways_and_ends_its_meeting(capfd):
    code, lines, made, left = await probed(capfd)

    assert (code, made, left) == (0, 1, 0), lines
    found = {what: lines[what]["state"] for what in ("sound", "picture", "path")}
    assert found == dict.fromkeys(found, "OK"), lines
    assert "direct (host) to 127.0.0.1:" in lines["path"]["text"]
    assert lines["bridge"]["text"] == "bbb-webrtc-sfu"
    assert "media" not in lines
    assert SECRET not in str(lines)


@asynctest(limit_s=90)
async def test_a_probe_finds_media_that_never_come(capfd):
    code, lines, _, left = await probed(capfd, "silent-media")

    assert (code, left) == (8, 0), lines
    assert (lines["sound"]["state"], lines["picture"]["state"]) == ("FAIL", "FAIL")


@asynctest(limit_s=90)
async def test_a_probe_names_forced_recording(capfd):
    code, lines, _, left = await probed(capfd, "override=record:true")

    assert (code, left) == (8, 0), lines
    assert lines["recording"]["state"] == "FAIL", lines
