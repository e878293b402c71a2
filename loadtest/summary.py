"""What a benchmark found, as lines for a terminal, and the exit code that says it.

A capacity is never said without its mix of meetings and its SLO, and one of the
stand-in node never without saying whose it is. Pure.
"""

from typing import Final

from loadtest.models import Capacity, MeetingProfile, ProfileCapacity
from loadtest.slo import describe

EXIT_FOUND: Final = 0
EXIT_INVALID: Final = 3
EXIT_INCONCLUSIVE: Final = 4
EXIT_INTERRUPTED: Final = 130


def counted(count: int, one: str) -> str:
    """Return a count with its noun, such as `1 meeting` or `2 meetings`."""
    return f"{count} {one if count == 1 else one + 's'}"


def exit_code_of(capacity: Capacity) -> int:
    """Return 0 when every profile found its knee, else what kept one from it.

    The generator (3) weighs more than a cap that came too early (4).
    """
    if capacity.validity == "interrupted":
        return EXIT_INTERRUPTED
    limits = {found.limit for found in capacity.profiles if found.capacity is None}
    if capacity.validity == "invalid" or "generator" in limits:
        return EXIT_INVALID
    return EXIT_INCONCLUSIVE if limits else EXIT_FOUND


def capacity_lines(capacity: Capacity) -> list[str]:
    """Return the summary of a benchmark, a fact a line."""
    target = (
        "bbbload's stand-in node (says nothing about BigBlueButton)"
        if capacity.stand_in
        else capacity.target
    )
    lines = [f"Capacity of {target}, {capacity.validity}", describe(capacity.slo)]
    lines += [profile_line(found) for found in capacity.profiles]
    if capacity.costs:
        costs = ", ".join(
            f"{cost.name.replace('_', ' ')} {1000 * cost.value:.1f} "
            f"({1000 * cost.low:.1f} to {1000 * cost.high:.1f})"
            for cost in capacity.costs
        )
        lines.append(
            f"Costs in thousandths of a core, {capacity.cost_coverage:.0%}: {costs}"
        )
    elif capacity.cost_note:
        lines.append(f"Costs: {capacity.cost_note}")
    told = {f"{found.profile.name}: {found.invalid}" for found in capacity.profiles}
    lines += [f"Note: {reason}" for reason in capacity.reasons if reason not in told]
    return lines


def unsure_lines(capacity: Capacity, precision: float) -> list[str]:
    """Return a line for each interval that is wider than ± `precision`, with a remedy.

    One that a single meeting spans is as narrow as whole meetings allow.
    """
    lines = []
    for found in capacity.profiles:
        if found.capacity is None or found.low is None or found.high is None:
            continue
        width = found.high - found.low
        share = width / 2 / found.capacity if found.capacity else 1.0
        if share > precision and width > found.profile.size:
            lines.append(
                f"Note: {found.profile.name}: ±{share:.0%} is wider than "
                f"±{precision:.0%}: give more --steps, --repeats or --time"
            )
    return lines


def profile_line(found: ProfileCapacity) -> str:
    """Return one profile's capacity, or why there is none, with its mix."""
    mix = describe_mix(found.profile)
    if found.capacity is not None:
        interval = (
            f" ({found.low:.0f} to {found.high:.0f}, {found.coverage:.0%})"
            if found.low is not None and found.high is not None
            else ""
        )
        said = f"{found.capacity:.0f} participants{interval}, first limit: "
        said += found.limit
        if found.limit_met:
            said += f"; met: {found.limit_met} ({', '.join(found.evidence)})"
    elif found.at_least is not None:
        said = f"at least {found.at_least:.0f} participants: the SLO held there"
    else:
        said = f"no capacity: {found.invalid}"
    return f"  {mix}: {said}"


def describe_mix(profile: MeetingProfile) -> str:
    """Return a mix in words, such as `classes of 6 (2 cameras, 6 microphones)`."""
    silent = profile.size - profile.microphones - profile.listeners
    parts = (
        (profile.cameras, "camera", "cameras"),
        (profile.microphones, "microphone", "microphones"),
        (profile.listeners, "listener", "listeners"),
        (silent, "without audio", "without audio"),
    )
    said = ", ".join(
        f"{count} {one if count == 1 else many}" for count, one, many in parts if count
    )
    return f"{profile.name} of {profile.size} ({said})"
