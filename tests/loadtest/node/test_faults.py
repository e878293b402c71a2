import pytest

from bots.errors import ConfigError
from loadtest.node.faults import Faults, parse_faults


def test_switches_are_read_by_name():
    faults = parse_faults(
        ["slow-ack=2.5", "refuse-join=max_participants_reason", "html"]
    )

    assert faults == Faults(
        slow_ack=2.5, refuse_join="max_participants_reason", html=True
    )


def test_overridden_parameters_are_read():
    faults = parse_faults(["override=record:true,duration:0"])

    assert faults.overrides() == {"record": "true", "duration": "0"}


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("checksumError", {"create", "join"}),
        ("join:guestDeniedAccess", {"join"}),
        ("end:notFound", set()),
    ],
)
def test_a_refusal_is_for_all_calls_or_for_one(text, refused):
    faults = parse_faults([f"api-refuses={text}"])

    assert {call for call in ("create", "join") if faults.refusal_of(call)} == refused


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("slow_akc=2", "unknown fault"),
        ("slow-ack", "needs a value"),
        ("slow-ack=soon", "wants seconds, got 'soon'"),
        ("slow-ack=-1", "wants seconds from 0"),
        ("html=yes", "takes no value"),
    ],
)
def test_a_mistyped_switch_is_one_sentence(text, told):
    with pytest.raises(ConfigError, match=told):
        parse_faults([text])
