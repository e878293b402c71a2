"""SYNTHETIC histories of a node: people of known cost on made-up school days."""

import numpy as np

from loadtest.models import Capacity, Cost, MeetingProfile, Slo
from planning.observed.models import NodePast

START_S = 1_793_577_600  # 2026-11-02T00:00:00Z, a Monday
STEP_S = 300
DAY_BINS = 86_400 // STEP_S
TRUTH = {"base": 0.6, "participants": 0.004, "voice": 0.008, "cameras": 0.03}
"""Cores each."""
VIDEO_OUT = 0.003
"""Cores for each camera that somebody receives, where streams are counted."""


def synthetic_past(
    *,
    days: int = 14,
    seed: int = 1,
    noise: float = 0.05,
    camera_share: float | None = None,
    counted: bool = False,
    dearer: float = 1.0,
    cores: float = 16.0,
    roles: bool = False,
) -> NodePast:
    """Return school days with lectures, seminars and evenings of changing shape.

    `camera_share` fixes cameras and voice to so much of the people (collinear);
    `counted` has streams and their cost; `dearer` multiplies all costs but the base.
    """
    rng = np.random.default_rng(seed)
    bins = days * DAY_BINS
    hour = np.arange(bins) % DAY_BINS * STEP_S / 3600
    shape = np.exp(-(((hour - 10.5) / 2.5) ** 2)) + 0.5 * np.exp(
        -(((hour - 17) / 2) ** 2)
    )
    level = np.repeat(rng.uniform(0.5, 1.0, size=days), DAY_BINS)
    people = rng.poisson(300 * shape * level).astype(float)
    if camera_share is None:
        # Lectures in the morning with few cameras, seminars in the evening with many.
        kinds = np.repeat(rng.uniform(0.05, 0.5, size=bins // 12 + 1), 12)[:bins]
        talks = np.repeat(rng.uniform(0.3, 0.95, size=bins // 12 + 1), 12)[:bins]
        cameras, voice = np.floor(people * kinds), np.floor(people * talks)
    else:
        cameras, voice = people * camera_share, people * 0.9
    meetings = np.ceil(people / 15)
    received = people * np.minimum(cameras / np.maximum(meetings, 1) * 14 / 15, 5)
    load = (
        TRUTH["participants"] * people
        + TRUTH["voice"] * voice
        + (0 if counted else TRUTH["cameras"]) * cameras
        + (VIDEO_OUT if counted else 0) * received
    )
    # What a day does to all its bins, and what each does alone.
    daily = np.repeat(rng.normal(1.0, noise, size=days), DAY_BINS)
    alone = rng.normal(1.0, noise, size=bins)
    cpu = (TRUTH["base"] + dearer * load * daily) * alone
    loads = [("participants", people), ("voice", voice), ("cameras", cameras)]
    loads.append(("meetings", meetings))
    if counted:
        loads.append(("streams", voice + received))
    used = [("node", cpu)]
    if roles:
        used += [
            ("audio", dearer * TRUTH["voice"] * voice * alone),
            ("recording", np.where(hour < 5, 2.0, 0.0)),
        ]
        used[0] = ("node", cpu + used[2][1])
    return NodePast(
        node="synthetic",
        times_s=tuple(range(START_S, START_S + bins * STEP_S, STEP_S)),
        step_s=STEP_S,
        cores=cores,
        loads=tuple((name, tuple(column.tolist())) for name, column in loads),
        cpu=tuple((name, tuple(column.tolist())) for name, column in used),
    )


def synthetic_benchmark(**changes: object) -> Capacity:
    """Return a SYNTHETIC benchmark whose bots cost what `counted` people cost."""
    costs = tuple(
        Cost(name=name, value=value, unit="cores", low=0.97 * value, high=1.03 * value)
        for name, value in (
            ("base", TRUTH["base"]),
            ("participant", TRUTH["participants"]),
            ("audio_in", TRUTH["voice"] / 2),
            ("audio_out", TRUTH["voice"] / 2),
            ("video_in", 0.0),
            ("video_out", VIDEO_OUT),
        )
    )
    values: dict[str, object] = {
        "run": "synthetic",
        "started_at": "2026-11-20T08:00:00Z",
        "tool_version": "0.1.0",
        "target": "synthetic",
        "bbb_version": "3.0",
        "stand_in": False,
        "seed": 1,
        "slo": Slo(),
        "profiles": (),
        "costs": costs,
        "cost_coverage": 0.9,
        "condition_number": 10.0,
        "cost_note": "",
        "node_cores": 16.0,
        "validity": "valid",
        "reasons": (),
    }
    return Capacity(**(values | changes))  # type: ignore[arg-type]


def school_profile() -> MeetingProfile:
    return MeetingProfile(
        name="classes", size=15, cameras=3, microphones=12, listeners=3
    )
