"""Headless chromium beside the engine: one tab with the streams of a small meeting.

The tab's page holds nothing but peer connections to the same server end: microphone
both ways, one fake camera out, four cameras in, each decoded and shown in a `<video>`.
CPU is that of the browser and all its children; what the second tab adds is what a
further participant costs.
"""

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.benchmarks.media_engine import ask, wanted
from tests.benchmarks.media_shapes import Row
from tests.support.browser import chromium

SETTLE_S = 3.0
MEASURE_S = 5.0
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
async ([offer, kind, sends, bitrate]) => {
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
    window.capped ??= [];
    if (kind == "video") window.capped.push(async () => {
      const parameters = sender.getParameters();
      parameters.encodings[0].maxBitrate = bitrate;
      await sender.setParameters(parameters);
    });
  }
  await connection.setLocalDescription(await connection.createAnswer());
  for (const cap of window.capped?.splice(0) ?? []) await cap();
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Tabs:
    """CPU ms per second of a browser with one tab, and what the next one adds."""

    first: float
    further: float


def browser_row(row: Row, pipe: Connection, result: Connection) -> None:
    """Measure a browser with one tab and with two; send `Tabs`."""
    result.send(_measure(row, pipe))


def _measure(row: Row, pipe: Connection) -> Tabs:
    with ExitStack() as stack:
        before = _children()
        browser = stack.enter_context(chromium(*ARGUMENTS))
        pages: list[Any] = []
        costs: list[float] = []
        for _ in range(2):
            pages.append(_tab(browser, row, pipe))
            costs.append(_cost(pages, row, before))
    return Tabs(first=costs[0], further=costs[1] - costs[0])


def _tab(browser: Any, row: Row, pipe: Connection) -> Any:
    """Open a tab with the row's connections."""
    page = browser.new_page()
    page.route(EMPTY_PAGE, _empty)
    page.goto(EMPTY_PAGE)
    for (stream,) in row.links:
        offer = ask(pipe, wanted((stream,)))
        told = [offer, stream.kind, stream.sends, row.camera.bitrate_bps]
        ask(pipe, page.evaluate(PAGE, told))
    page.wait_for_function(CONNECTED, timeout=20_000)
    return page


def _cost(pages: list[Any], row: Row, before: set[int]) -> float:
    """Return the CPU ms per second of the processes that were not there before.

    Raises:
        RuntimeError: the browser decoded too few frames for its cost to be compared.
    """
    time.sleep(SETTLE_S)
    frames = sum(page.evaluate(FRAMES) for page in pages)
    begun_s, cpu_s = time.monotonic(), _cpu_s(_children() - before)
    time.sleep(MEASURE_S)
    wall_s = time.monotonic() - begun_s
    used_s = _cpu_s(_children() - before) - cpu_s
    frames = sum(page.evaluate(FRAMES) for page in pages) - frames
    views = sum(s.kind == "video" and s.receives for link in row.links for s in link)
    if frames < 0.8 * row.camera.frame_rate * wall_s * views * len(pages):
        raise RuntimeError(f"the browser decoded only {frames} frames: too busy")
    return 1000 * used_s / wall_s


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
