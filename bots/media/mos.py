"""Predicted listening quality of a voice stream: the E-model. Pure.

ITU-T G.107.1 (wideband): R = R0 − Id − Ie,eff, with R0 = 129 and all parameters that
are not named here at their defaults, so no echo, no noise, no sidetone. Delay counts by
Idd of G.107 (7-27), loss by G.107's (7-29) with the burst ratio of what was received:

    Ie,eff = Ie + (95 − Ie) · Ppl / (Ppl / BurstR + Bpl)

A wideband R becomes a MOS by G.107 annex B after division by 1.29 (G.107.1 annex A).

G.113 lists no values for Opus. `OPUS_IE` and `OPUS_BPL` are **assumptions of ours**:
Opus at 30 kbit/s is taken as transparent for wideband speech, and as robust as a codec
with ordinary packet loss concealment. So compare such a MOS with another one of this
tool, never with one of another.
"""

import math

OPUS_IE = 0.0
OPUS_BPL = 10.0
R0_WIDEBAND = 129.0
WIDEBAND_SCALE = 1.29
CODEC_DELAY_S = 0.0265
"""Opus with frames of 20 ms: the frame and 6.5 ms of look-ahead (RFC 6716 2)."""


def mos(*, loss_ratio: float, burst_ratio: float = 1.0, delay_s: float) -> float:
    """Return the MOS, 1 to 4.5, of Opus with this loss and one-way delay.

    `delay_s` is from mouth to ear; half a round trip, the jitter buffer and
    `CODEC_DELAY_S` are its usual parts.

    Raises:
        ValueError: a loss outside 0–1, a burst ratio below 1 or a negative delay.
    """
    return mos_of_rating(rating(loss_ratio, burst_ratio, delay_s) / WIDEBAND_SCALE)


def rating(loss_ratio: float, burst_ratio: float, delay_s: float) -> float:
    """Return the wideband rating R, at most 129; see `mos`."""
    if not 0 <= loss_ratio <= 1 or burst_ratio < 1 or delay_s < 0:
        raise ValueError(
            f"no such line: loss {loss_ratio}, burst ratio {burst_ratio}, "
            f"delay {delay_s} s"
        )
    loss = 100 * loss_ratio
    impairment = OPUS_IE + (95 - OPUS_IE) * loss / (loss / burst_ratio + OPUS_BPL)
    return max(0.0, R0_WIDEBAND - _delay_impairment(delay_s) - impairment)


def mos_of_rating(rating: float) -> float:
    """Return the MOS of a narrowband rating R (G.107 annex B)."""
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return 4.5
    curve = 7e-6 * rating * (rating - 60) * (100 - rating)
    return max(1.0, 1 + 0.035 * rating + curve)


def burst_ratio(lost: int, bursts: int, expected: int) -> float:
    """Return G.107's BurstR: mean burst length over that of random loss, at least 1.

    `bursts` is how many runs of consecutive packets were lost; random loss of ratio p
    has runs of 1 / (1 − p) on average.
    """
    if lost <= 0 or bursts <= 0 or expected <= lost:
        return 1.0
    return max(1.0, lost / bursts * (1 - lost / expected))


def _delay_impairment(delay_s: float) -> float:
    """Idd of G.107 (7-27): nothing up to 100 ms."""
    if delay_s <= 0.1:
        return 0.0
    x = math.log2(delay_s / 0.1)
    return 25 * (math.pow(1 + x**6, 1 / 6) - 3 * math.pow(1 + (x / 3) ** 6, 1 / 6) + 2)
