"""Our STUN messages read by aioice, aioice's read by us, and broken ones refused."""

import os

import pytest
from aioice import stun as theirs

from bots.media import stun
from bots.media.stun import (
    BindingMessage,
    build_error,
    build_request,
    build_response,
    is_authentic,
    parse_binding,
)

KEY = b"the password of one side"
TRANSACTION = bytes(range(12))


def our_request(nominates: bool = True) -> bytes:
    return build_request(
        TRANSACTION, username="node:bot", key=KEY, tie_breaker=7, nominates=nominates
    )


def their_request(**attributes: object) -> bytes:
    message = theirs.Message(
        theirs.Method.BINDING,
        theirs.Class.REQUEST,
        transaction_id=TRANSACTION,
        attributes={"USERNAME": "node:bot", "PRIORITY": 99, **attributes},
    )
    message.add_message_integrity(KEY)
    return bytes(message)


@pytest.mark.parametrize("nominates", [True, False])
def test_aioice_reads_our_request(nominates):
    message = theirs.parse_message(our_request(nominates))

    assert message.check_message_integrity(KEY)
    assert not message.check_message_integrity(b"another")
    assert message.message_class is theirs.Class.REQUEST
    assert message.transaction_id == TRANSACTION
    assert message.attributes["USERNAME"] == "node:bot"
    assert message.attributes["PRIORITY"] == stun.PEER_REFLEXIVE_PRIORITY
    assert message.attributes["ICE-CONTROLLING"] == 7
    assert ("USE-CANDIDATE" in message.attributes) is nominates
    assert "FINGERPRINT" in message.attributes


@pytest.mark.parametrize("address", [("192.0.2.7", 40001), ("2001:db8::7", 3478)])
def test_aioice_reads_our_response(address):
    message = theirs.parse_message(build_response(TRANSACTION, address, KEY))

    assert message.check_message_integrity(KEY)
    assert message.message_class is theirs.Class.RESPONSE
    assert message.attributes["XOR-MAPPED-ADDRESS"] == address


@pytest.mark.parametrize("key", [b"", KEY])
def test_aioice_reads_our_error(key):
    message = theirs.parse_message(build_error(TRANSACTION, 401, "Unauthorized", key))

    assert message.check_message_integrity(KEY) is bool(key)
    assert message.attributes["ERROR-CODE"] == (401, "Unauthorized")


@pytest.mark.parametrize(
    ("attributes", "role", "nominates"),
    [
        ({"ICE-CONTROLLING": 5, "USE-CANDIDATE": None}, "controlling", True),
        ({"ICE-CONTROLLED": 5}, "controlled", False),
        ({}, "", False),
    ],
)
def test_we_read_requests_of_aioice(attributes, role, nominates):
    datagram = their_request(**attributes)

    message = parse_binding(datagram)

    assert is_authentic(datagram, message, KEY)
    assert not is_authentic(datagram, message, b"another")
    assert message == BindingMessage(
        message_class="request",
        transaction_id=TRANSACTION,
        username="node:bot",
        priority=99,
        role=role,
        nominates=nominates,
        integrity_at=message.integrity_at,
    )


@pytest.mark.parametrize("address", [("192.0.2.7", 40001), ("2001:db8::7", 3478)])
def test_we_read_what_we_answer(address):
    datagram = build_response(TRANSACTION, address, KEY)

    message = parse_binding(datagram)

    assert is_authentic(datagram, message, KEY)
    assert message.message_class == "response"
    assert message.mapped_address == address


def test_an_unsigned_message_is_read_but_not_authentic():
    datagram = build_error(TRANSACTION, 487, "Role Conflict")

    message = parse_binding(datagram)

    assert (message.message_class, message.error_code) == ("error", 487)
    assert not is_authentic(datagram, message, KEY)


def test_attributes_after_the_signature_are_not_believed():
    signed = theirs.parse_message(their_request(**{"ICE-CONTROLLING": 5}))
    del signed.attributes["FINGERPRINT"]
    datagram = bytes(signed) + b"\x00\x25\x00\x00"
    length = len(datagram) - 20
    datagram = datagram[:2] + length.to_bytes(2, "big") + datagram[4:]

    message = parse_binding(datagram)

    assert is_authentic(datagram, message, KEY)
    assert not message.nominates


@pytest.mark.parametrize("at", range(0, 80, 3))
def test_a_changed_byte_is_noticed(at):
    datagram = bytearray(our_request())
    datagram[at] ^= 0x40

    with pytest.raises(ValueError, match="stun"):
        parse_binding(bytes(datagram))


def test_no_cut_of_a_message_is_read():
    datagram = our_request()

    for length in range(len(datagram)):
        with pytest.raises(ValueError, match="stun"):
            parse_binding(datagram[:length])


def test_noise_is_refused_without_any_other_error():
    for _ in range(500):
        body = os.urandom(40)
        datagram = b"\x00\x01\x00\x28\x21\x12\xa4\x42" + TRANSACTION + body
        try:
            message = parse_binding(datagram)
        except ValueError:
            continue
        assert not is_authentic(datagram, message, KEY)
