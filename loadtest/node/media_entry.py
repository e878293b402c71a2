"""The door to the media side; until it is there, `/bbb-webrtc-sfu` answers 503."""

from typing import Any, Self

from aiohttp import web

try:
    from loadtest.node.sfu import NodeMedia, serve
except ImportError:

    class NodeMedia:  # type: ignore[no-redef]
        received_bytes = 0
        sent_bytes = 0

        def __init__(self, **_: Any) -> None:
            pass

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

    async def serve(request: web.Request, **_: Any) -> web.StreamResponse:  # type: ignore[misc]
        return web.Response(status=503)


__all__ = ["NodeMedia", "serve"]
