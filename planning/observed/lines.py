"""What was observed, in lines of text, the ratio first. Pure; computes nothing."""

from collections.abc import Iterator

from planning.observed.models import (
    AGREE,
    Beside,
    Observed,
    ObservedNode,
    RoleCosts,
    is_beyond_chance,
)
from planning.peaks import Interval

_WARNING = {
    "people": "real people are dearer: plan with their cost",
    "bots": "bots are dearer: plan with theirs, the benchmark's, cost",
}


def observed_lines(observed: Observed) -> Iterator[str]:
    """Yield the summary; its first line names the ratio of bots to people."""
    if observed.beside is None:
        yield (
            "CPU of bots over CPU of real people: not known, no benchmark was set "
            "beside (--benchmark capacity.json)."
        )
    else:
        yield from _beside(observed.beside)
    for node in observed.nodes:
        yield from _node(node)
    for asked in observed.asked:
        mix = ", ".join(f"{count:g} {name}" for name, count in asked.mix)
        yield f"Asked: {asked.node} needs {_span(asked.cores)} cores for {mix}."
    for note in observed.notes:
        yield f"Note: {note}."


def _beside(found: Beside) -> Iterator[str]:
    low, high = AGREE
    if found.dearer:
        verdict = f"WARNING, outside {low:g} to {high:g}: {_WARNING[found.dearer]}"
    elif is_beyond_chance(found.ratio.low, found.ratio.high):
        verdict = (
            f"they differ beyond chance, by less than planning minds ({low:g} to "
            f"{high:g})"
        )
    else:
        verdict = f"they agree ({low:g} to {high:g})"
    yield (
        f"CPU of bots over CPU of real people at the same mix: {_span(found.ratio)} "
        f"({found.ratio.coverage:.0%} interval); {verdict}."
    )
    if found.streams == "assumed":
        yield (
            "  Assumed: meetings of one time are alike, five cameras a page; people "
            f"with half as many cameras on screen: {found.ratio_half_streams:.2f}, "
            f"with twice as many: {found.ratio_double_streams:.2f}."
        )
    for note in found.notes:
        yield f"  Note: {note}."


def _node(node: ObservedNode) -> Iterator[str]:
    cores = "" if node.cores is None else f" of {node.cores:g} cores"
    yield (
        f"{node.node}: {node.days:.1f} days; largest seen: {_mix(node.largest)}; "
        f"busiest tenth: {_mix(node.busy)}, at {node.busy_cores:.2f}{cores}."
    )
    yield (
        f"  Idle {_span(node.base)} cores, this mix {_span(node.load_cores)} more "
        f"({node.base.coverage:.0%} intervals)."
    )
    if node.at_bound is not None:
        yield (
            f"  80 % of the cores are reached at {node.at_bound.mid:.0f} participants "
            f"of this mix ({node.at_bound.low:.0f} to {node.at_bound.high:.0f})."
        )
    for role in node.roles:
        yield f"  {_role(role)}"
    for note in node.notes:
        yield f"  Note: {note}."


def _role(role: RoleCosts) -> str:
    costs = "; ".join(
        f"{cost.name} {_milli(cost.value)} ({_milli(cost.low)} to {_milli(cost.high)})"
        for cost in role.costs
        if cost.name != "base"
    )
    name = "whole node" if role.role == "node" else role.role
    split = f"; millicores each: {costs}" if costs else ""
    return f"{name}: {role.cores:.2f} cores at this mix{split}."


def _milli(cores: float) -> str:
    return f"{1000 * cores:.3g}"


def _mix(counts: tuple[tuple[str, float], ...]) -> str:
    return ", ".join(f"{count:.0f} {name}" for name, count in counts)


def _span(found: Interval) -> str:
    return f"{found.mid:.2f} ({found.low:.2f} to {found.high:.2f})"
