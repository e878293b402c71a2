"""What the connections of one node share: how many there are, how fast they come."""

from loadtest.node.settings import GraphqlLimits


class TokenBucket:
    """`size` frames per `per_s`, saved up to `size`; more than that has to wait."""

    def __init__(self, size: float, per_s: float, now_s: float) -> None:
        self.size = size
        self._rate = size / per_s
        self._tokens = size
        self._at_s = now_s

    def take(self, now_s: float, *, longest_s: float) -> float | None:
        """Take one; return how long to wait for it, None if longer than `longest_s`."""
        earned = (now_s - self._at_s) * self._rate
        self._tokens = min(self.size, self._tokens + earned)
        self._at_s = now_s
        wait_s = max(0.0, (1.0 - self._tokens) / self._rate)
        if wait_s > longest_s:
            return None
        self._tokens -= 1.0
        return wait_s


class Connections:
    """The open connections of a node, in all and by session token."""

    def __init__(self, limits: GraphqlLimits, now_s: float) -> None:
        self.total = 0
        self.rate = TokenBucket(limits.max_connections_per_second, 1.0, now_s)
        self._limit = limits.max_connections_per_session
        self._by_token: dict[str, int] = {}
        self._done: set[tuple[str, str]] = set()

    def enter(self, token: str) -> bool:
        """Count a connection of a session token; False if it has its share already."""
        count = self._by_token.get(token, 0)
        if count >= self._limit:
            return False
        self._by_token[token] = count + 1
        return True

    def leave(self, token: str) -> None:
        """Count a connection off."""
        count = self._by_token.get(token, 0) - 1
        if count > 0:
            self._by_token[token] = count
        else:
            self._by_token.pop(token, None)

    def once(self, what: str, key: str) -> bool:
        """Return True the first time that `what` is asked for `key`."""
        if (what, key) in self._done:
            return False
        self._done.add((what, key))
        return True
