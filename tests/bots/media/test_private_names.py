"""The private names of aioice, aiortc, pylibsrtp and OpenSSL that we lean on.

An upgrade that takes one away must fail here, by name, and not in the middle of a run.
aiortc and aioice are pinned exactly for the same reason.
"""

import importlib.metadata
import inspect
import tomllib
from pathlib import Path

import aioice
import aioice.ice
import aioice.stun
import aioice.turn
import pylibsrtp._binding
import pytest
from OpenSSL import SSL

PROJECT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["aiortc", "aioice"])
def test_the_pinned_version_is_the_installed_one(name):
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    pinned = [
        line for line in project["project"]["dependencies"] if line.startswith(name)
    ]

    assert pinned == [f"{name}=={importlib.metadata.version(name)}"]


def test_aioice_calls_data_received_for_each_datagram_with_its_component():
    source = inspect.getsource(aioice.ice.StunProtocol.datagram_received)

    assert "self.receiver.data_received(data," in source
    parameters = inspect.signature(aioice.Connection.data_received).parameters
    assert list(parameters) == ["self", "data", "component"]


def test_aioice_gathers_the_addresses_that_get_component_candidates_is_given():
    source = inspect.getsource(aioice.Connection.gather_candidates)
    parameters = inspect.signature(aioice.Connection.get_component_candidates)

    assert "self.get_component_candidates(" in source
    assert list(parameters.parameters) == ["self", "component", "addresses", "timeout"]


def test_aioice_keeps_the_chosen_pair_where_we_look_and_drops_it_when_it_closes():
    connection = aioice.Connection(ice_controlling=True)

    assert connection._nominated == {}
    assert "self._nominated.clear()" in inspect.getsource(aioice.Connection.close)
    pair = inspect.signature(aioice.ice.CandidatePair.__init__).parameters
    assert {"protocol", "remote_candidate"} <= set(pair)
    assert isinstance(aioice.ice.CandidatePair.remote_addr, property)
    assert isinstance(aioice.ice.CandidatePair.local_candidate, property)


def test_aioice_sends_a_request_for_us_with_the_options_we_give():
    request = inspect.signature(aioice.ice.StunProtocol.request).parameters
    build = inspect.signature(aioice.Connection.build_request).parameters

    assert {"integrity_key", "retransmissions"} <= set(request)
    assert list(build) == ["self", "pair", "nominate"]
    assert issubclass(aioice.stun.TransactionError, Exception)


def test_aioice_takes_our_credentials_and_servers():
    options = set(inspect.signature(aioice.Connection.__init__).parameters)

    assert {
        "ice_controlling",
        "local_username",
        "local_password",
        "transport_policy",
        "stun_server",
    } <= options


def test_aioice_makes_a_relay_for_us_and_keeps_it_where_we_put_it():
    relay = inspect.signature(aioice.ice.relayed_candidate).parameters
    connection = aioice.Connection(ice_controlling=True)

    assert set(relay) == {
        "component",
        "hide_related_address",
        "protocol_factory",
        "turn_server",
        "turn_username",
        "turn_password",
        "turn_ssl",
        "turn_transport",
    }
    assert connection._protocols == []
    assert connection._closing is False
    lost = inspect.signature(aioice.Connection.protocol_lost).parameters
    assert list(lost) == ["self", "protocol"]


def test_a_relay_over_tcp_tells_how_much_it_holds():
    inner = object()

    transport = aioice.turn.TurnTransport(inner)  # type: ignore[arg-type]

    assert transport._TurnTransport__inner_protocol is inner
    assert isinstance(aioice.turn.TurnClientTcpProtocol, type)


@pytest.mark.parametrize(
    "name",
    ["srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp"],
)
def test_libsrtp_is_called_on_a_buffer_and_an_int_pointer(name):
    library, interface = pylibsrtp._binding.lib, pylibsrtp._binding.ffi
    kind = interface.typeof(getattr(library, name))

    assert [argument.kind for argument in kind.args] == ["pointer"] * 3
    assert kind.args[2] is interface.typeof("int *")


@pytest.mark.parametrize(
    "name", ["DTLSv1_get_timeout", "DTLSv1_handle_timeout", "set_ciphertext_mtu"]
)
def test_openssl_lets_us_drive_dtls(name):
    assert callable(getattr(SSL.Connection, name))
