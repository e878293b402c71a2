"""What the operator chose for the node, and BBB's own limits with their defaults."""

from dataclasses import dataclass, field

from loadtest.node.faults import Faults
from loadtest.node.state import Timeouts
from loadtest.node.versions import Schema, schema_of


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphqlLimits:
    """Limits of bbb-graphql-middleware, by the names in its config.yml."""

    max_connections: int = 500
    max_connections_per_session: int = 3
    max_connections_per_second: float = 100.0
    queries_per_minute: int = 200
    """Non-mutation subscribes of one connection."""
    mutations_per_minute: int = 900
    rate_wait_s: float = 30.0
    """How long a frame over the rate waits before it is refused."""
    concurrent_subscriptions: int = 150
    query_length: int = 5000
    query_depth: int = 6
    mutation_length: int = 10_000
    frame_bytes: int = 10_000_000
    ping_s: float = 10.0
    idle_s: float = 60.0
    """A connection from which nothing came for so long is closed with 1000."""
    refresh_s: float = 0.05
    """Changes are gathered for so long before subscriptions are evaluated again."""
    queue_limit: int = 5000
    """Frames waiting for a slow reader before it is disconnected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """What the stand-in's machine runs out of, beside CPU; 0 is without end."""

    nic_bps: float = 0.0
    """Speed of its network card: what would leave faster is dropped."""
    udp_ports: int = 0
    """Media transports at once; one more is refused (2002)."""
    memory_per_user_bytes: int = 0
    """Memory that each user takes of the budget; without any left, nobody gets in."""
    idle_cores: int = 0
    """Cores beside the node's one process, which cannot use them; its own is then told
    as one of them, whatever its budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """Everything that `bbbload node` can be told."""

    host: str = "127.0.0.1"
    port: int = 0
    secret: str = field(repr=False)
    work_factor: float = 0.0
    cpu_budget: float = 1.0
    has_fixed_cost: bool = False
    ceilings: Ceilings = field(default_factory=Ceilings)
    memory_budget_bytes: int = 2 * 1024**3
    seed: int = 0
    bbb_version: str = "3.0.19"
    """Which BBB 3.0 is played; its schema is that of the newest known one before."""
    algorithms: tuple[str, ...] = ("sha1", "sha256", "sha384", "sha512")
    limits: GraphqlLimits = field(default_factory=GraphqlLimits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    faults: Faults = field(default_factory=Faults)
    stun_urls: tuple[str, ...] = ()
    turn_urls: tuple[str, ...] = ()
    turn_secret: str = field(default="", repr=False)
    tick_s: float = 1.0
    """How often timeouts are looked at."""

    @property
    def schema(self) -> Schema:
        """What its GraphQL knows; raises ConfigError for what cannot be played."""
        return schema_of(self.bbb_version, self.faults.missing_field)
