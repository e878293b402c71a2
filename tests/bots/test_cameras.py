"""The cameras that a browser would show."""

from dataclasses import replace

import pytest

from bots.cameras import (
    browsers_page,
    cameras_to_view,
    sent_profile,
    sent_profiles,
)
from bots.models import CAMERA_MEDIUM, ParticipantPlan
from bots.protocol.dialect import CameraQuality, ClientSettings
from bots.protocol.rows import Camera


def camera(name, **more):
    return Camera(
        stream_id=f"{name}_u_d",
        user_id=name,
        name=name.upper(),
        name_sortable=name,
        **more,
    )


def names(cameras):
    return "".join(camera.user_id for camera in cameras)


EIGHT = tuple(camera(name) for name in "hgfedcba")


def test_a_moderator_sees_all_others_by_name():
    seen = cameras_to_view(EIGHT, own_user_id="c", limit=None)

    assert names(seen) == "abdefgh"


def test_a_viewer_sees_a_page_and_its_own_camera_takes_no_place():
    seen = cameras_to_view(EIGHT, own_user_id="c", limit=5)

    assert names(seen) == "abdef"


@pytest.mark.parametrize(
    ("role", "limit", "viewers", "moderators", "told"),
    [
        ("viewer", 5, 5, 0, ""),
        ("viewer", 3, 5, 0, ""),  # chosen by whoever wrote the plan
        ("viewer", 5, 9, 0, "browsers show 9"),
        ("viewer", 9, 9, 0, ""),
        ("viewer", 0, 9, 0, ""),
        ("viewer", 5, 0, 0, "browsers show all"),
        ("moderator", None, 9, 0, ""),
        ("moderator", None, 5, 8, "browsers show 8"),
    ],
)
def test_a_page_that_is_not_the_browsers_on_this_server_is_told(
    role, limit, viewers, moderators, told
):
    settings = ClientSettings(viewer_page_size=viewers, moderator_page_size=moderators)
    plan = ParticipantPlan(
        number=1,
        meeting_number=0,
        persona="camera",
        role=role,
        camera_view_limit=limit,
    )

    assert browsers_page(plan, settings) == told


def test_the_page_follows_the_speakers():
    cameras = (
        *EIGHT[2:],
        camera("g", last_floor_time="2026-11-23T10:00:05.1+00:00"),
        camera("h", last_floor_time="2026-11-23T10:00:09.5+00:00"),
    )

    assert names(cameras_to_view(cameras, own_user_id="", limit=5)) == "hgabc"


def test_who_has_the_floor_comes_before_who_had_it_and_a_pin_before_both():
    cameras = (
        camera("a", last_floor_time="9"),
        camera("b", last_floor_time="10"),
        camera("c", has_floor=True, last_floor_time="8"),
        camera("d", is_pinned=True),
    )

    assert names(cameras_to_view(cameras, own_user_id="", limit=4)) == "dcba"


def test_a_pinned_camera_comes_first_for_a_moderator_too():
    cameras = (camera("a"), camera("b", is_pinned=True))

    assert names(cameras_to_view(cameras, own_user_id="", limit=None)) == "ba"


@pytest.mark.parametrize("limit", [0, 1, 3, 5, 100, None])
def test_a_page_is_never_longer_than_its_limit_and_never_repeats(limit):
    seen = cameras_to_view(
        (*EIGHT, Camera(stream_id="", user_id="x", name="", name_sortable="")),
        own_user_id="a",
        limit=limit,
    )

    assert len(seen) == len(set(seen)) == min(7, 100 if limit is None else limit)


STANDARD = CameraQuality()


@pytest.mark.parametrize(
    ("count", "kbps"),
    [(1, 200), (7, 200), (8, 100), (12, 90), (15, 70), (20, 50), (25, 40), (30, 30)],
)
def test_the_rate_goes_down_with_the_number_of_cameras(count, kbps):
    cameras = tuple(camera(f"u{n}") for n in range(count))

    sent = sent_profile(CAMERA_MEDIUM, cameras, own_user_id="u0", quality=STANDARD)

    assert sent.bitrate_bps == kbps * 1000
    assert (sent.width, sent.frame_rate) == (640, 15.0)
    assert sent in sent_profiles(CAMERA_MEDIUM, STANDARD, count)


@pytest.mark.parametrize("why", ["has_floor", "is_pinned"])
def test_the_speakers_and_a_pinned_camera_keep_their_rate(why):
    cameras = (camera("a", **{why: True}), *(camera(f"u{n}") for n in range(30)))
    own, other = (
        sent_profile(CAMERA_MEDIUM, cameras, own_user_id=user, quality=STANDARD)
        for user in ("a", "u1")
    )

    assert own == CAMERA_MEDIUM
    assert other.bitrate_bps == 30_000


def test_a_camera_is_never_raised_above_its_chosen_rate_nor_lowered_where_disabled():
    low = replace(CAMERA_MEDIUM, name="low", bitrate_bps=60_000)
    cameras = tuple(camera(f"u{n}") for n in range(8))

    sent = sent_profile(low, cameras, own_user_id="u0", quality=STANDARD)
    free = sent_profile(
        CAMERA_MEDIUM, cameras, own_user_id="u0", quality=CameraQuality(steps=())
    )

    assert (sent, free) == (low, CAMERA_MEDIUM)
