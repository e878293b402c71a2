"""The RTCP of one session: reports as often as a browser's, feedback, what is heard.

One `Reporter` a session, all of them on the process's pacer. Every packet is packed
directly (`rtcp.build_*`); nothing here creates an object per stream and second.
"""

import math
import random
from collections.abc import Callable

from bots.media import rtcp
from bots.media.arrivals import Noted
from bots.media.pacer import NEVER
from bots.media.receiving import ReceiveStream
from bots.media.sending import Outlet, SendStream
from bots.media.silence import Ear

LOOK_INTERVAL_S = 1.0
"""The path is looked after, silence noticed and video reported this often."""
GRID_S = 0.05
"""Due times are multiples of this: being woken costs more than a report does, so that
sessions share a turn of the pacer, about a twentieth of them each."""
LOOKS_AN_AUDIO_REPORT = 5
"""libwebrtc reports audio every 5 s, video every second (`kDefaultAudioReportInterval`,
`kDefaultVideoReportInterval`), and so does a browser."""
FEEDBACK_INTERVAL_S = 0.25
"""Transport-cc feedback: libwebrtc sends it every 50 to 250 ms."""
REPAIR_INTERVAL_S = 0.1
"""While packets are missing or a key frame is awaited."""
AUDIO_REPORTS_S, VIDEO_REPORTS_S = 5.85, 1.5
"""mediasoup reports a stream at most this far apart: 5 s or 1 s over 1.15, as its timer
of 1.0 to 1.5 s comes round (`Producer::GetRtcp`, `Transport::OnTimer`)."""
LEAST_ESTIMATE_BPS = 1_000_000
MAX_BLOCKS = 31
"""More streams than a report holds take turns (RFC 3550 section 6.4)."""


class Reporter:
    """Sends a session's RTCP on time and takes what comes; `pacer.Timed`."""

    def __init__(
        self,
        outlet: Outlet,
        *,
        senders: list[SendStream],
        streams: dict[int, ReceiveStream],
        arrivals: Noted,
        own_ssrc: int,
        cname: str,
        has_reference_time: bool,
        has_transport_feedback: bool,
        has_estimate: bool,
        has_video_in: bool,
        unix_offset_s: float,
        tick: Callable[[float], None],
        rng: random.Random,
    ) -> None:
        """`tick` comes with every look; `unix_offset_s` makes our clock Unix time."""
        self.due_s = NEVER
        self.rtt_s: float | None = None
        self.heard_s = 0.0
        self.is_silent = False
        """No RTCP for far longer than is usual, although we send media."""
        self.byes: set[int] = set()
        self._outlet = outlet
        self._senders = senders
        self._streams = streams
        self._arrivals = arrivals
        self._own_ssrc = own_ssrc
        self._description = rtcp.build_source_description(own_ssrc, cname)
        self._has_reference_time = has_reference_time
        self._has_feedback = has_transport_feedback
        self._has_estimate = has_estimate
        self._has_video_in = has_video_in
        is_audio = not has_video_in and all(each.media == "audio" for each in senders)
        self._looks_a_report = LOOKS_AN_AUDIO_REPORT if is_audio else 1
        self._looks = 0
        self._unix_offset_s = unix_offset_s
        self._tick = tick
        self._rng = rng
        self._next_look_s = 0.0
        self._ear = Ear()
        self._is_told = False
        self._turn = 0
        self._feedback_count = 0
        self._reference: tuple[int, int, float] | None = None
        self._estimated = (0.0, 0)

    def begin(self, now_s: float) -> None:
        """Start the schedule; the first look and report come within half a second."""
        self._next_look_s = now_s + self._rng.uniform(0.05, 0.5)
        self.due_s = _on_grid(self._next_look_s)
        self.heard_s = now_s
        self._outlet.pacer.add(self)

    def end(self) -> None:
        """Leave the pacer."""
        self.due_s = NEVER

    def fire(self, now_s: float) -> None:
        """Send what is due."""
        is_look_due = now_s >= self._next_look_s
        if is_look_due:
            self._tick(now_s)
        if self.due_s == NEVER or not self._outlet.is_open:
            self.due_s = NEVER
            return
        repairs = False
        for stream in self._streams.values():
            if stream.has_wishes:
                repairs = True
                self.send_wishes(stream, now_s)
        text = self._feedback() if len(self._arrivals) else b""
        if is_look_due:
            # spread, so that sessions do not report in step (RFC 3550 section 6.3.1)
            step_s = LOOK_INTERVAL_S * self._rng.uniform(0.8, 1.2)
            self._next_look_s = max(now_s, self._next_look_s + step_s)
            if self._looks % self._looks_a_report == 0:
                text = self.report(now_s) + text
            self._looks += 1
            self._notice_silence(now_s)
        if text:
            self._outlet.send_rtcp(text)
        if repairs:
            next_s = now_s + REPAIR_INTERVAL_S
        elif self._has_video_in:
            next_s = self.due_s + FEEDBACK_INTERVAL_S
        else:
            next_s = self._next_look_s
        self.due_s = _on_grid(max(now_s, next_s))

    def send_wishes(self, stream: ReceiveStream, now_s: float) -> None:
        """Send the NACK and PLI that a stream needs now."""
        text = stream.wishes(now_s, self._own_ssrc)
        if text:
            self._outlet.send_rtcp(text)

    def report(self, now_s: float) -> bytes:
        """Return the compound of this moment: SR or RR, SDES, XR, REMB."""
        ntp = rtcp.ntp_timestamp(now_s + self._unix_offset_s)
        blocks = [stream.report_block(now_s) for stream in self._reported()]
        parts: list[bytes] = []
        for sender in self._senders:
            if sender.packets:
                parts.append(sender.report(now_s, ntp, blocks))
                blocks = []
        if not parts:
            parts.append(rtcp.build_receiver_report(self._own_ssrc, blocks))
        parts.append(self._description)
        if self._has_reference_time:
            parts.append(rtcp.build_reference_time(self._own_ssrc, ntp))
        if self._reference is not None:
            ssrc, last, heard_s = self._reference
            delay = int((now_s - heard_s) * 65536)
            parts.append(rtcp.build_delays(self._own_ssrc, [(ssrc, last, delay)]))
            self._reference = None
        if self._has_estimate and self._streams:
            parts.append(self._estimate(now_s))
        return b"".join(parts)

    def _reported(self) -> list[ReceiveStream]:
        """Return the streams whose turn it is to be reported."""
        streams = list(self._streams.values())
        if len(streams) > MAX_BLOCKS:
            begin = self._turn % len(streams)
            self._turn = begin + MAX_BLOCKS
            streams = [*streams[begin:], *streams[:begin]][:MAX_BLOCKS]
        return streams

    def goodbye(self, now_s: float) -> bytes:
        """Return the last compound."""
        ssrcs = [sender.ssrc for sender in self._senders] or [self._own_ssrc]
        return self.report(now_s) + rtcp.build_bye(ssrcs[:MAX_BLOCKS])

    def receive(self, compound: bytes, now_s: float) -> None:
        """Take a decrypted compound; one that cannot be read is dropped."""
        try:
            is_known = rtcp.is_only_transport_feedback(compound)
            packets = () if is_known else rtcp.parse_compound(compound)
        except ValueError:
            return
        self.heard_s = now_s
        self._is_told = True
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport):
                stream = self._streams.get(packet.ssrc)
                if stream is not None:
                    stream.heard_sender_report(packet, now_s)
                self._take_blocks(packet.reports, now_s)
            elif isinstance(packet, rtcp.ReceiverReport):
                self._take_blocks(packet.reports, now_s)
            elif isinstance(packet, rtcp.ExtendedReport):
                self._take_extended(packet, now_s)
            elif isinstance(packet, rtcp.Nack):
                for sender in self._senders:
                    if sender.ssrc == packet.media_ssrc:
                        sender.answer_nack(packet.sequences, now_s)
            elif isinstance(packet, rtcp.PictureLoss):
                for sender in self._senders:
                    if sender.ssrc == packet.media_ssrc:
                        sender.answer_key_frame_wish(now_s)
            elif isinstance(packet, rtcp.FullIntraRequest):
                wanted = {ssrc for ssrc, _ in packet.requests}
                for sender in self._senders:
                    if sender.ssrc in wanted:
                        sender.answer_key_frame_wish(now_s)
            elif isinstance(packet, rtcp.Bye):
                self.byes.update(packet.ssrcs)

    def _compact(self, now_s: float) -> int:
        return rtcp.compact_ntp(rtcp.ntp_timestamp(now_s + self._unix_offset_s))

    def _take_blocks(self, blocks: tuple[rtcp.ReportBlock, ...], now_s: float) -> None:
        for block in blocks:
            for sender in self._senders:
                if sender.ssrc != block.ssrc:
                    continue
                rtt_s = rtcp.round_trip_s(
                    self._compact(now_s), block.last_sr, block.delay_since_sr
                )
                sender.heard_report(block, rtt_s)
                if rtt_s is not None:
                    self.rtt_s = rtt_s

    def _take_extended(self, packet: rtcp.ExtendedReport, now_s: float) -> None:
        if packet.ntp_timestamp is not None:
            last = rtcp.compact_ntp(packet.ntp_timestamp)
            self._reference = (packet.ssrc, last, now_s)
        for ssrc, last, delay in packet.delays:
            if ssrc == self._own_ssrc:
                rtt_s = rtcp.round_trip_s(self._compact(now_s), last, delay)
                if rtt_s is not None:
                    self.rtt_s = rtt_s

    def _feedback(self) -> bytes:
        """Tell when each transport-wide number came, since the last time."""
        if not self._has_feedback:
            self._arrivals.clear()
            return b""
        feedback = self._arrivals.feedback(
            self._own_ssrc, next(iter(self._streams), 0), self._feedback_count
        )
        self._feedback_count += bool(feedback)
        return feedback

    def _estimate(self, now_s: float) -> bytes:
        """REMB: we have no bottleneck of our own, so at least twice what comes."""
        size = sum(stream.reception.bytes for stream in self._streams.values())
        before_s, before = self._estimated
        self._estimated = (now_s, size)
        rate = 8 * (size - before) / max(0.1, now_s - before_s) if before_s else 0.0
        return rtcp.build_bitrate_estimate(
            self._own_ssrc,
            max(LEAST_ESTIMATE_BPS, int(2 * rate)),
            list(self._streams)[:MAX_BLOCKS],
        )

    def _notice_silence(self, now_s: float) -> None:
        """Judge the other side's reports by those of the slowest medium we send."""
        sending = [each for each in self._senders if each.is_sending and each.packets]
        is_audio = all(sender.media == "audio" for sender in sending)
        usual_s = AUDIO_REPORTS_S if is_audio else VIDEO_REPORTS_S
        quiet_s = self._ear.quiet_s(now_s, self.heard_s)
        is_expected = bool(sending) and self._is_told
        self.is_silent = is_expected and quiet_s > self._ear.limit_s(usual_s)


def _on_grid(at_s: float) -> float:
    return GRID_S * math.ceil(at_s / GRID_S)
