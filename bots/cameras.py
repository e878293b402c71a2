"""Which cameras a participant has on its screen, and how good its own is. Pure.

A moderator's browser shows all cameras, a viewer's a page of five, and the page follows
the speakers: pinned cameras first, then whoever spoke last, then by name
(`pagination` and `cameraSortingModes` of BBB 3.0's settings.yml: `LOCAL_ALPHABETICAL`,
with pages `VOICE_ACTIVITY_LOCAL`).

With many cameras in a meeting each is sent at a lower rate (`cameraQualityThresholds`),
at the same size and frame rate; the speaker's and pinned ones keep theirs.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from bots.models import CameraProfile, ParticipantPlan
from bots.protocol.dialect import CameraQuality, ClientSettings, QualityStep
from bots.protocol.rows import Camera

PAGE_CHANGE_DEBOUNCE_S = 1.0
"""`pageChangeDebounceTime`: a change of speakers moves the page no sooner."""


def cameras_to_view(
    cameras: Iterable[Camera], *, own_user_id: str, limit: int | None
) -> tuple[Camera, ...]:
    """Return the remote cameras to view, in the order on the screen.

    `limit` None shows all by name; a number shows that many by voice activity. The
    participant's own camera is shown from the device and takes no place of a page.
    """
    remote = [
        camera
        for camera in cameras
        if camera.stream_id and camera.user_id != own_user_id
    ]
    by_name = sorted(remote, key=_by_name)
    if limit is None:
        return tuple(sorted(by_name, key=lambda camera: not camera.is_pinned))
    # Sorts are stable: name, then last floor, then floor, then pin decide in reverse.
    by_floor = sorted(by_name, key=lambda c: _order(c.last_floor_time), reverse=True)
    by_floor.sort(key=lambda camera: (not camera.is_pinned, not camera.has_floor))
    return tuple(by_floor[:limit])


def browsers_page(plan: ParticipantPlan, settings: ClientSettings) -> str:
    """Say what browsers show on a server where our participant shows another number.

    "" where it is the same, where the participant views no cameras, and on a server
    with BBB's own page sizes: then the plan's number was chosen.
    """
    shown = settings.page_of(plan.role)
    is_usual = shown == ClientSettings().page_of(plan.role)
    if is_usual or plan.camera_view_limit in (0, shown):
        return ""
    return "browsers show all" if shown is None else f"browsers show {shown}"


def sent_profile(
    chosen: CameraProfile,
    cameras: Collection[Camera],
    *,
    own_user_id: str,
    quality: CameraQuality,
) -> CameraProfile:
    """Return the profile to send at while the meeting shows these cameras.

    Never above the chosen profile's rate.
    """
    own = [camera for camera in cameras if camera.user_id == own_user_id]
    if quality.spares_speakers and any(c.is_pinned or c.has_floor for c in own):
        return chosen
    reached = [step for step in quality.steps if len(cameras) >= step.cameras]
    if not reached:
        return chosen
    return _stepped(chosen, max(reached, key=lambda step: step.cameras))


def sent_profiles(
    chosen: CameraProfile, quality: CameraQuality, cameras: int
) -> tuple[CameraProfile, ...]:
    """Return every profile that a camera may be sent at where a meeting has `cameras`.

    Each costs seconds of encoding, once a machine: only those that can be reached.
    """
    reached = (step for step in quality.steps if step.cameras <= cameras)
    return tuple(dict.fromkeys((chosen, *(_stepped(chosen, step) for step in reached))))


def _stepped(chosen: CameraProfile, step: QualityStep) -> CameraProfile:
    if step.bitrate_bps >= chosen.bitrate_bps:
        return chosen
    return replace(chosen, name=step.name, bitrate_bps=step.bitrate_bps)


def _by_name(camera: Camera) -> tuple[str, str]:
    return camera.name_sortable or camera.name.lower(), camera.stream_id


def _order(last_floor_time: str) -> tuple[int, str]:
    """Compare times as text of equal form, numbers of different length as numbers."""
    return len(last_floor_time) if last_floor_time.isdigit() else 0, last_floor_time
