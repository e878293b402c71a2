import random
from dataclasses import dataclass

import pytest

from bots.media.reporting import AUDIO_REPORTS_S
from bots.media.silence import SILENT_S, Ear, Silence
from bots.models import Media


@dataclass
class Heard:
    media: Media = "camera"
    heard_s: float = 0.0


def looked(silence: Silence, stream: Heard, from_s: float, to_s: float) -> float:
    """Look once a second until it is silent; return when that was, or `to_s`."""
    now_s = from_s
    while now_s < to_s and not silence.failure:
        now_s += 1.0
        silence.look(now_s, [stream], frozenset())
    return now_s


def play(silence: Silence, stream: Heard, from_s: float, to_s: float) -> None:
    """Let packets come and look once a second."""
    for second in range(int(from_s), int(to_s)):
        stream.heard_s = second + 0.99
        silence.look(second + 1.0, [stream], frozenset())
        assert silence.failure == ""


@pytest.mark.parametrize("media", ["camera", "screen", "audio"])
def test_media_that_stop_are_noticed_within_ten_seconds(media):
    silence, stream = Silence(), Heard(media)
    play(silence, stream, 100, 120)

    noticed_s = looked(silence, stream, 120.0, 150.0)

    assert silence.failure == "rtp silent"
    assert SILENT_S < noticed_s - stream.heard_s < 9.5  # and half a second to be told


def test_media_that_come_again_are_healthy_again():
    silence, stream = Silence(), Heard()
    play(silence, stream, 100, 105)
    looked(silence, stream, 105.0, 130.0)
    assert silence.failure

    stream.heard_s = 130.5
    silence.look(131.0, [stream], frozenset())

    assert silence.failure == ""


def test_a_stream_that_said_goodbye_or_never_began_is_not_silent():
    gone, never = Silence(), Silence()
    stream = Heard()
    play(gone, stream, 100, 105)
    for second in range(105, 140):
        gone.look(float(second), [stream], frozenset({1}))
        never.look(float(second), [Heard()], frozenset())

    assert (gone.failure, never.failure) == ("", "")


def test_audio_of_a_server_that_sends_only_speech_is_known_by_its_pauses():
    silence, stream = Silence(), Heard("audio")
    now_s = 100.0
    for pause_s in (2, 5, 6, 12, 9):
        play(silence, stream, now_s, now_s + 3)
        now_s = looked(silence, stream, now_s + 3, now_s + 3 + pause_s)
        assert silence.failure == "", pause_s


def test_what_our_own_process_missed_is_no_silence_of_the_server():
    ear = Ear()
    for second in range(20):
        assert ear.quiet_s(second + 1.0, second + 0.99) < 0.1

    # It stood still for half a minute; what came meanwhile is not read yet.
    assert ear.quiet_s(50.0, 19.99) < SILENT_S
    assert ear.quiet_s(51.0, 50.1) == pytest.approx(0.9)


def test_a_process_that_is_late_at_every_look_still_notices_but_later():
    ear = Ear()
    now_s, heard_s = 0.0, 0.0
    for _ in range(10):
        now_s += 3.0
        heard_s = now_s - 0.01
        ear.quiet_s(now_s, heard_s)
    looks = 0
    while ear.quiet_s(now_s, heard_s) <= ear.limit_s():
        now_s += 3.0
        looks += 1

    assert 3 * looks > 15, "of every three seconds half were ours"
    assert looks < 8


def test_one_hiccup_does_not_excuse_a_silence_for_ever():
    ear = Ear()
    heard_s = 0.0
    for second in range(400):
        if not 10 < second < 16:
            heard_s = second + 0.9
        ear.quiet_s(second + 1.0, heard_s)
        if second == 20:
            assert ear.limit_s() > 12

    assert ear.limit_s() == SILENT_S
    assert ear.limit_s(usual_s=5.0) == 15.0


def alarms(hours: int, *, loss_ratio: float, limit_s: float | None = None) -> int:
    """Return how often a microphone that mediasoup reports to would be given up.

    Its timer comes round every 1.0 to 1.5 s and reports what is 5 s / 1.15 old.
    """
    rng, ear = random.Random(1), Ear()
    now_s = due_s = heard_s = 0.0
    found, was_silent = 0, False
    while now_s < hours * 3600:
        now_s += rng.uniform(0.8, 1.2)
        while due_s <= now_s:
            sent_s = due_s
            heard_s = heard_s if rng.random() < loss_ratio else sent_s
            while due_s - sent_s < 5 / 1.15:
                due_s += rng.uniform(1.0, 1.5)
        quiet_s = ear.quiet_s(now_s, heard_s)
        is_silent = quiet_s > (limit_s or ear.limit_s(AUDIO_REPORTS_S))
        found += is_silent and not was_silent
        was_silent = is_silent
    return found


def test_lost_reports_of_audio_are_no_silence_but_would_be_one_within_ten_seconds():
    assert alarms(12, loss_ratio=0.02) == 0
    assert alarms(2, loss_ratio=0.02, limit_s=SILENT_S) > 2 * 10
