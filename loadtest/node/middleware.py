"""The `/graphql` endpoint: WebSockets in, conversations driven, frames out."""

from collections.abc import Callable

from aiohttp import web

from loadtest.node.effort import Effort
from loadtest.node.settings import NodeSettings
from loadtest.node.state import Node


class Middleware:
    """Serves `/graphql` and counts its connections."""

    def __init__(
        self,
        node: Node,
        settings: NodeSettings,
        effort: Effort,
        *,
        base_url: Callable[[], str],
    ) -> None:
        self.connection_count = 0

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the application."""
        return []

    async def close(self) -> None:
        """Close all connections."""
