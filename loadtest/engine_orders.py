"""What a bot engine is told first: the plan of a run, as `bots.wire` says it. Pure."""

from bots.wire import Begin
from loadtest.stages import RunPlan, most_cameras_of, peak_of, scenario_of


def begin_order(
    plan: RunPlan,
    *,
    run: str,
    engine: int,
    target: str,
    users: int,
    leftovers: tuple[str, ...],
) -> Begin:
    """Return the order for one engine; its worker adds its own limits and the clock.

    `users` is what Locust was told, for a plan that leaves it to Locust.
    """
    participants, streams = peak_of(plan, users)
    return Begin(
        run=run,
        target=target,
        engine=engine,
        zero_s=0.0,
        duration_s=plan.duration_s,
        seed=plan.seed,
        participants=participants,
        streams=streams,
        cameras=most_cameras_of(plan),
        clip=plan.clip,
        ice_policy=plan.ice_policy,
        is_recorded=plan.scenario is not None and plan.scenario.is_recorded,
        has_guests=any(
            group.persona.is_guest
            for profile in scenario_of(plan)
            for group in profile.mix
        ),
        is_first=engine == 0,
        leftover_runs=leftovers,
    )
