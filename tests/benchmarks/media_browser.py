"""Headless chromium beside the engine: one tab with the streams of a small meeting.

The tab's page holds nothing but peer connections to the same server end: microphone
both ways, one fake camera out, four cameras in, each decoded and shown in a `<video>`.
CPU is that of the browser and all its children; the second tab's share is what a
further participant costs.
"""

import os
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.benchmarks.media_engine import Cost, ask
from tests.benchmarks.media_shapes import Row
from tests.support import lite_server
from tests.support.browser import chromium

SETTLE_S = 4.0
MEASURE_S = 8.0
ARGUMENTS = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
)
EMPTY_PAGE = "http://localhost/"
"""Devices are given to a secure context only; nothing listens there."""
PAGE = """
async ([offer, kind, sends]) => {
  const connection = new RTCPeerConnection();
  (window.connections ??= []).push(connection);
  connection.ontrack = (event) => {
    const shown = document.createElement(kind);
    shown.autoplay = true;
    shown.srcObject = new MediaStream([event.track]);
    document.body.append(shown);
  };
  await connection.setRemoteDescription({type: "offer", sdp: offer});
  if (sends) {
    window.media ??= await navigator.mediaDevices.getUserMedia(
      {audio: true, video: {width: 640, height: 360, frameRate: 15}});
    const [track] = window.media.getTracks().filter((each) => each.kind == kind);
    const sender = connection.addTrack(track, window.media);
  }
  await connection.setLocalDescription(await connection.createAnswer());
  return connection.localDescription.sdp;
}
"""
CONNECTED = """
() => window.connections.every((each) => each.connectionState == "connected")
"""
FRAMES = """
async () => {
  let frames = 0;
  for (const connection of window.connections)
    for (const stats of (await connection.getStats()).values())
      if (stats.type == "inbound-rtp" && stats.kind == "video")
        frames += stats.framesDecoded;
  return frames;
}
"""


def browser_row(row: Row, pipe: Connection, result: Connection) -> None:
    """Measure `row.count` tabs in a browser of this process and send a `Cost`."""
    result.send(_measure(row, pipe))


def _measure(row: Row, pipe: Connection) -> Cost:
    with ExitStack() as stack:
        before = _children()
        browser = stack.enter_context(chromium(*ARGUMENTS))
        pages: list[Any] = []
        for _ in range(row.count):
            page = browser.new_page()
            page.route(EMPTY_PAGE, _empty)
            page.goto(EMPTY_PAGE)
            pages.append(page)
            for link in row.links:
                wanted = lite_server.Wanted(
                    kind=link.kind, sends=link.receives, receives=link.sends
                )
                kind, sends = link.kind, link.sends
                answer = page.evaluate(PAGE, [ask(pipe, wanted), kind, sends])
                ask(pipe, answer)
            page.wait_for_function(CONNECTED, timeout=20_000)
        time.sleep(SETTLE_S)
        frames = sum(page.evaluate(FRAMES) for page in pages)
        begun_s, cpu_s = time.monotonic(), _cpu_s(_children() - before)
        time.sleep(MEASURE_S)
        wall_s = time.monotonic() - begun_s
        used_s = _cpu_s(_children() - before) - cpu_s
        frames = sum(page.evaluate(FRAMES) for page in pages) - frames
    views = sum(link.kind == "video" and link.receives for link in row.links)
    if frames < 0.8 * 15 * wall_s * views * row.count:
        raise RuntimeError(f"the browser decoded only {frames} frames: too busy")
    return Cost(cpu_ms_per_s=1000 * used_s / wall_s, packets_per_s=0.0)


def _empty(route: Any) -> None:
    route.fulfill(body="<!doctype html>", content_type="text/html")


def _children() -> set[int]:
    """Return the process ids of this process's descendants, by /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                parents[int(entry.name)] = int(fields[1])
    found = {os.getpid()}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found - {os.getpid()}
        found |= more


def _cpu_s(pids: set[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = _stat(pid)
        if fields:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / 100


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
