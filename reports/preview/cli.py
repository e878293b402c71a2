"""`bbbload preview`: what a scenario will load, before anything is sent."""

from datetime import date
from pathlib import Path

import click

from bots.errors import ConfigError
from bots.whole_file import write_whole
from loadtest.durations import DURATION, format_duration
from loadtest.load_files import load_scenario, plan_of_scenario
from loadtest.machine import this_machine
from loadtest.preview import Preview, drawing_of, over_caps, preview_of_plan
from planning.catalog import read_catalog
from reports import text
from reports.endings import FORMATS
from reports.figures import picture
from reports.preview.report import Price, document, participants

PICTURE = ".svg"


@click.command(
    epilog="Example: bbbload preview examples/scenarios/school-morning.toml "
    "-o preview.html"
)
@click.argument("scenario", metavar="SCENARIO.toml")
@click.option(
    "--scale", type=float, default=1.0, help="Times the people. Default: as written."
)
@click.option("--length", type=DURATION, help="Made to last so long, such as 30m.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="Seed of the visits. Default: the scenario's.",
)
@click.option(
    "--catalog",
    type=click.Path(path_type=Path),
    help="Catalogue of server types: what the traffic costs on each.",
)
@click.option(
    "-o",
    "--output",
    default="-",
    show_default="text to standard output",
    metavar="X.html|X.md|X.txt|X.svg",
    help="The page; its ending chooses the format. .svg is the picture alone.",
)
def preview(
    scenario: str,
    scale: float,
    length: float | None,
    seed: int | None,
    catalog: Path | None,
    output: str,
) -> int:
    """Say what a scenario will load, and whether this machine can make that load.

    Nothing is sent. Ends with 2 when this machine is too small, with the size that
    fits.
    """
    asked = load_scenario(scenario)
    plan = plan_of_scenario(asked, scale=scale, length_s=length, seed=seed)
    found = preview_of_plan(plan, this_machine())
    page = document(
        found,
        name=asked.scenario.name,
        source=scenario,
        changes=_changes(scale, length, seed),
        seed=plan.seed,
        prices=_prices(found, catalog),
        refusals=over_caps(found, plan),
    )
    suffix = Path(output).suffix.lower()
    if output == "-":
        click.echo("\n".join(drawing_of(found)) + "\n")
        click.echo(text.render((page,)), nl=False)
    elif suffix == PICTURE:
        write_whole(Path(output), (picture(participants(found)),))
    elif suffix in FORMATS:
        write_whole(Path(output), (FORMATS[suffix]((page,)),))
    else:
        known = ", ".join(sorted((*FORMATS, PICTURE)))
        raise ConfigError(
            f"{output} has the ending {suffix or 'none'!r}: choose {known}"
        )
    if found.shortfalls:
        raise ConfigError("this machine is too small: " + "; ".join(found.shortfalls))
    return 0


def _changes(scale: float, length: float | None, seed: int | None) -> tuple[str, ...]:
    """Return the options that make `bbbload run` play just what was previewed."""
    return (
        *(() if scale == 1.0 else (f"--scale {scale!r}",)),
        *(() if length is None else (f"--length {format_duration(length)}",)),
        *(() if seed is None else (f"--seed {seed}",)),
    )


def _prices(found: Preview, catalog: Path | None) -> tuple[Price, ...]:
    if catalog is None:
        return ()
    types = read_catalog(catalog, today=date.today()).types
    return tuple(
        (each.name, found.received_bytes * each.extra_traffic_eur_per_byte)
        for each in types
    )
