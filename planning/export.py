"""Capacities as other programs want them: multipliers and alert rules. Pure.

Scalelite multiplies a server's load by its load multiplier and places a meeting where
the product is least, so the weaker server has the higher one (Scalelite's README,
`servers:loadMultiplier`). b3scale's node daemon takes `B3SCALE_LOAD_FACTOR` (its
README), which weighs a backend's load alike. Alert rules speak of the series of
bigbluebutton-exporter; a node's own series are told apart by `instance`.
"""

from dataclasses import dataclass

from bots.errors import ConfigError

WARN_SHARE = 0.8
"""Of a node's capacity: time to look, before anyone notices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCapacity:
    """What a node (or a node of a type) carries."""

    name: str
    participants: float
    low: float
    source: str


def multipliers(nodes: tuple[NodeCapacity, ...]) -> tuple[tuple[str, float], ...]:
    """Return (name, load multiplier): the strongest has 1, others more."""
    if not nodes:
        raise ConfigError("there is no capacity to export: give a plan.json or cards")
    strongest = max(node.participants for node in nodes)
    return tuple((node.name, round(strongest / node.participants, 3)) for node in nodes)


def scalelite(nodes: tuple[NodeCapacity, ...]) -> str:
    """Return the commands that set Scalelite's load multipliers."""
    lines = [
        "# Load multipliers by capacity: the strongest node has 1, weaker ones more.",
        "# Replace each name by the server's id from: ./bin/rake servers",
    ]
    lines += [
        f'./bin/rake "servers:loadMultiplier[{_shell(name)},{value:g}]"'
        for name, value in multipliers(nodes)
    ]
    return "\n".join(lines) + "\n"


def b3scale(nodes: tuple[NodeCapacity, ...]) -> str:
    """Return the environment of b3scale's node daemon, one block for each node."""
    lines = ["# Environment of b3scalenoded on each node: the strongest has 1."]
    for name, value in multipliers(nodes):
        lines += [f"# {_line(name)}", f"B3SCALE_LOAD_FACTOR={value:g}"]
    return "\n".join(lines) + "\n"


def prometheus(nodes: tuple[NodeCapacity, ...]) -> str:
    """Return alert rules in Prometheus' YAML, checked by `promtool check rules`."""
    multipliers(nodes)
    lines = ["groups:", "  - name: bbbload", "    rules:"]
    for node in nodes:
        only = f'bbb_meetings_participants{{instance=~"{_regex(node.name)}.*"}}'
        for severity, level, words in (
            ("warning", WARN_SHARE * node.participants, "nearly full"),
            ("critical", node.participants, "beyond its capacity"),
        ):
            lines += [
                f"      - alert: {_camel(severity)}{_camel(node.name)}Full",
                f"        expr: {_quoted(f'{only} > {level:.0f}')}",
                "        for: 2m",
                "        labels:",
                f"          severity: {severity}",
                "        annotations:",
                "          summary: "
                + _quoted(
                    "{{ $labels.instance }} is "
                    f"{words}: {{{{ $value }}}} participants, {node.participants:.0f} "
                    "is its capacity"
                ),
                f"          source: {_quoted(node.source)}",
            ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + _line(text).replace("'", "''") + "'"


def _line(text: str) -> str:
    return " ".join(text.split())


def _shell(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum() or letter in "-._")


def _regex(text: str) -> str:
    return "".join(
        letter if letter.isalnum() or letter == "-" else "." for letter in text
    )


def _camel(text: str) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in text).split()
    return "".join(word[:1].upper() + word[1:] for word in words)
