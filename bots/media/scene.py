"""Synthetic pictures and speech for the clips. Pure and seeded; no file, no codec.

A picture is a head that sways, blinks and talks before a still, textured wall with a
little sensor noise: like a webcam, most of it stays and some of it always moves. Speech
is a glottal pulse train through three formants, in syllables with pauses. Nobody's face
or voice is in it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 48_000
FRAME_SAMPLES = 960
"""20 ms."""

_VOWELS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480))
_BANDWIDTH_HZ = (80, 110, 160)


def pictures(
    width: int, height: int, frame_rate: float, count: int, seed: int
) -> Iterator[NDArray[np.uint8]]:
    """Yield `count` RGB pictures (height × width × 3) whose last leads to the first.

    Every movement has a whole number of periods in `count` pictures, so that a loop has
    no jump at its seam.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / height, y / height
    middle = width / height / 2
    wall = _wall(rng, x, y)
    skin, hair = np.array([205, 160, 135.0]), np.array([70, 48, 36.0])
    duration_s = count / frame_rate
    turns = max(1, round(duration_s / 4))
    words = max(1, round(duration_s * 2.5))
    blinks = max(1, round(duration_s / 3))
    for index in range(count):
        phase = 2 * np.pi * index / count
        dx = middle + 0.05 * np.sin(turns * phase) - x
        dy = 0.47 + 0.015 * np.sin(2 * turns * phase + 1) - y
        picture = wall.copy()
        picture[(dx / 0.34) ** 2 + ((dy + 0.55) / 0.3) ** 2 < 1] = (60, 80, 120)
        picture[(dx / 0.19) ** 2 + ((dy - 0.05) / 0.25) ** 2 < 1] = hair
        face = (dx / 0.165) ** 2 + (dy / 0.225) ** 2
        inside = face < 1
        picture[inside] = (skin * (1.12 - 0.25 * face[..., None]))[inside]
        opening = 0.006 + 0.03 * abs(np.sin(words * phase))
        picture[(dx / 0.06) ** 2 + ((dy + 0.11) / opening) ** 2 < 1] = (120, 45, 50)
        lid = 0.003 if (blinks * index) % count < blinks * 2 else 0.017
        for eye in (-0.065, 0.065):
            at = ((dx + eye) / 0.025) ** 2 + ((dy - 0.04) / lid) ** 2
            picture[at < 1] = (40, 40, 45)
        noise = rng.normal(0, 2.2, (height, width, 1)).astype(np.float32)
        yield np.clip(picture + noise, 0, 255).astype(np.uint8)


def speech(duration_s: float, seed: int) -> NDArray[np.int16]:
    """Return mono speech-like samples of whole 20 ms frames, silent at both ends."""
    rng = np.random.default_rng(seed)
    samples = int(duration_s * SAMPLE_RATE_HZ) // FRAME_SAMPLES * FRAME_SAMPLES
    voice = np.zeros(samples)
    at = SAMPLE_RATE_HZ // 20
    while True:
        length = int(rng.uniform(0.09, 0.26) * SAMPLE_RATE_HZ)
        if at + length >= samples - SAMPLE_RATE_HZ // 20:
            break
        voice[at : at + length] += _syllable(rng, length)
        pause = 0.35 if rng.random() < 0.12 else rng.uniform(0.01, 0.06)
        at += length + int(pause * SAMPLE_RATE_HZ)
    breath = rng.normal(0, 0.0015, samples)
    loudest = float(np.abs(voice).max()) or 1.0
    mixed = 0.5 * voice / loudest + breath
    return (np.clip(mixed, -1, 1) * 32_000).astype(np.int16)


def _wall(
    rng: np.random.Generator, x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    shade = 150 - 40 * y + 15 * np.sin(5 * x)
    grain = rng.normal(0, 6, x.shape)
    books = 25 * (np.sin(40 * x + 3 * np.floor(6 * y)) > 0.2) * (x < 0.45)
    one = (shade + grain - books).astype(np.float32)
    return np.stack((one, one * 0.97, one * 0.9), axis=2)


def _syllable(rng: np.random.Generator, length: int) -> NDArray[np.float64]:
    pitch = rng.uniform(105, 150) * (1 - 0.12 * np.linspace(0, 1, length))
    phase = np.cumsum(pitch) / SAMPLE_RATE_HZ
    formants = _VOWELS_HZ[rng.integers(len(_VOWELS_HZ))]
    sound = np.zeros(length)
    # a sum of harmonics, each as loud as the formants' resonances make it
    for harmonic in range(1, 26):
        frequency = harmonic * float(pitch.mean())
        gain = sum(
            1 / (1 + ((frequency - formant) / bandwidth) ** 2)
            for formant, bandwidth in zip(formants, _BANDWIDTH_HZ, strict=True)
        )
        sound += (gain + 0.02) / harmonic**0.5 * np.sin(2 * np.pi * harmonic * phase)
    if rng.random() < 0.4:  # a consonant before the vowel
        hiss = min(length // 3, SAMPLE_RATE_HZ // 20)
        sound[:hiss] = 0.5 * rng.normal(0, 1, hiss)
    return sound * np.sin(np.pi * np.linspace(0, 1, length)) ** 0.6
