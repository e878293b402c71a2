"""Watching a node from outside: one interface, and behind it many ways of asking.

A source is named by an address (`loadtest.watching.sources`), gives a `Reading` each
time it is asked, and `NodeWatch` makes samples of the differences. Every source only
reads; none installs anything on the node.
"""

from loadtest.watching.node_watch import NodeWatch
from loadtest.watching.reading import Reading, Source
from loadtest.watching.sources import count_participants, open_source, source_node

__all__ = [
    "NodeWatch",
    "Reading",
    "Source",
    "count_participants",
    "open_source",
    "source_node",
]
