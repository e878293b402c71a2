"""Who speaks, shows a camera or shares a screen in a meeting, and who may.

These are the answers that bbb-webrtc-sfu's permission probes get, and what the media
side reports back.
"""

from dataclasses import dataclass

from loadtest.node.content import Camera, Screenshare, Voice
from loadtest.node.roster import Roster
from loadtest.node.users import User


@dataclass(slots=True, kw_only=True, eq=False)
class Stage(Roster):
    """A meeting's voice conference, cameras and screen share."""

    # -- voice -----------------------------------------------------------------

    def join_voice(
        self, user: User, *, listen_only: bool, muted: bool | None = None
    ) -> Voice:
        """Put `user` into the voice conference and return its place there.

        A microphone starts muted when the meeting says so or a lock binds the user.
        """
        if muted is None:
            locked = user.is_locked_viewer and self.locks.disable_mic
            muted = listen_only or self.muted or locked
        user.voice = Voice(
            listen_only=listen_only,
            muted=muted,
            activity_s=self.now_s(),
            voice_user_id=str(self.rng.randrange(1, 100_000)),
        )
        self.changed("voice", user_id=user.id)
        return user.voice

    def leave_voice(self, user: User) -> None:
        """Take `user` out of the voice conference, if it is in."""
        if user.voice is None:
            return
        if self.floor_user_id == user.id:
            self.floor_user_id = ""
        user.voice = None
        self.changed("voice", user_id=user.id)

    def set_talking(self, user: User, talking: bool) -> None:
        """Record that speech of `user` began or ended (seen by the media side)."""
        voice = user.voice
        if voice is None or voice.talking == talking or (talking and voice.muted):
            return
        now_s = self.now_s()
        voice.talking = talking
        voice.activity_s = now_s
        if talking:
            voice.spoke = True
            voice.started_talking_s, voice.stopped_talking_s = now_s, None
            self._give_floor(user, now_s)
        else:
            voice.stopped_talking_s = now_s
        self.changed("voice", user_id=user.id)

    def set_muted(self, user: User, muted: bool) -> None:
        """Mute or unmute `user` in the voice conference."""
        if user.voice is None or user.voice.muted == muted:
            return
        if muted:
            self.set_talking(user, False)
        user.voice.muted = muted
        user.voice.activity_s = self.now_s()
        self.changed("voice", user_id=user.id)

    # -- cameras and screen ----------------------------------------------------

    def may_use_voice(self, user: User) -> bool:
        """Return what the SFU's permission probe for audio would be told."""
        return user.joined and not self.ended and not user.voice_banned

    def may_share_camera(self, user: User, stream_id: str) -> bool:
        """Return what the SFU's permission probe for a camera share would be told."""
        if self.ended or not user.joined or not stream_id.startswith(user.id):
            return False
        if user.is_locked_viewer and self.locks.disable_cam:
            return False
        if stream_id in user.cameras:
            return True
        user_cap = self.request.user_camera_cap
        meeting_cap = self.request.meeting_camera_cap
        return (not user_cap or len(user.cameras) < user_cap) and (
            not meeting_cap or len(self.cameras()) < meeting_cap
        )

    def may_view_camera(self, user: User, stream_id: str) -> bool:
        """Return what the SFU's permission probe for a camera view would be told."""
        camera = self.camera(stream_id)
        if self.ended or not user.joined or camera is None:
            return False
        return self.camera_is_visible(user, camera)

    def camera_is_visible(self, user: User, camera: Camera) -> bool:
        """Apply `webcamsOnlyForModerator`: viewers see moderators and themselves."""
        owner = self.users[camera.user_id]
        return (
            not self.webcams_only_for_moderator
            or user.is_moderator
            or not user.locked
            or owner is user
            or owner.is_moderator
        )

    def start_camera(self, user: User, camera: Camera) -> None:
        """Announce a camera."""
        user.cameras[camera.stream_id] = camera
        self.changed("camera", user_id=user.id)

    def stop_camera(self, user: User, stream_id: str) -> None:
        """Take a camera back; the media side closes its viewers."""
        if user.cameras.pop(stream_id, None) is not None:
            self.changed("camera", user_id=user.id)

    def may_share_screen(self, user: User) -> bool:
        """Return what the SFU's permission probe for a screen share would be told."""
        return user.joined and user.presenter and not self.ended

    def start_screenshare(
        self,
        user: User,
        *,
        stream: str,
        content_type: str = "screenshare",
        has_audio: bool = False,
    ) -> Screenshare:
        """Announce a screen share; it replaces the one before."""
        self.screenshare = Screenshare(
            user_id=user.id,
            stream=stream,
            started_s=self.now_s(),
            content_type=content_type,
            has_audio=has_audio,
        )
        self.changed("screenshare", user_id=user.id)
        return self.screenshare

    def stop_screenshare(self, user: User) -> None:
        """Take back the screen share of `user`, if it has one."""
        if self.screenshare is not None and self.screenshare.user_id == user.id:
            self.screenshare = None
            self.changed("screenshare", user_id=user.id)

    def _give_floor(self, user: User, now_s: float) -> None:
        for other in self.present():
            if other.voice is not None:
                other.voice.floor = other is user
        assert user.voice is not None
        user.voice.last_floor_s = now_s
        self.floor_user_id = user.id
