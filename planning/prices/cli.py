"""bbbload catalog: prices read from a hoster, written as a dated file.

The token comes from the environment and goes to the hoster's API alone, never into an
output or a message; over plain HTTP only to this machine.
"""

import json
import os
import urllib.error
import urllib.request
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from bots.errors import ConfigError
from bots.whole_file import write_whole
from planning.catalog import read_catalog
from planning.no_redirect import NoRedirect
from planning.refresh import hcloud_catalog, next_page

HCLOUD_URL = "https://api.hetzner.cloud/v1"
TOKEN_NAME = "HCLOUD_TOKEN"
TIMEOUT_S = 20.0
MOST_PAGES = 50
LONGEST_ANSWER = 8 * 2**20


@click.group(epilog="Example: bbbload catalog refresh hcloud -o hcloud.toml")
def catalog() -> None:
    """Keep catalogues of server types and prices up to date.

    Example: bbbload catalog refresh hcloud -o hcloud.toml
    """


@catalog.command(
    epilog="Example: HCLOUD_TOKEN=… bbbload catalog refresh hcloud -o hcloud.toml"
)
@click.argument("hoster", type=click.Choice(["hcloud"]))
@click.option(
    "--location",
    default="fsn1",
    show_default=True,
    help="Location whose prices are read.",
)
@click.option(
    "--url", default=HCLOUD_URL, show_default=True, help="Base URL of the API."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("-"),
    show_default=True,
    help="The catalogue's file; - is standard output.",
)
def refresh(hoster: str, location: str, url: str, output: Path) -> int:
    """Read a hoster's prices and write them as a dated catalogue.

    HOSTER is hcloud, whose read-only token is taken from HCLOUD_TOKEN.
    """
    token = os.environ.get(TOKEN_NAME, "")
    if not token:
        raise ConfigError(
            f"{TOKEN_NAME} is not set: give a read-only token of {hoster}"
        )
    _check(url)
    pages: list[dict[str, Any]] = []
    number: int | None = 1
    while number is not None and len(pages) < MOST_PAGES:
        pages.append(_page(f"{url}/server_types?page={number}&per_page=50", token))
        number = next_page(pages[-1])
    text = hcloud_catalog(
        pages,
        location=location,
        url=f"{url}/server_types",
        today=datetime.now(UTC).date(),
    )
    if str(output) == "-":
        click.echo(text, nl=False)
        return 0
    write_whole(output, (text,))
    return 0


@catalog.command(epilog="Example: bbbload catalog traffic catalog.toml --gb 700")
@click.argument("file", metavar="CATALOG", type=click.Path(path_type=Path))
@click.option(
    "--gb",
    type=click.FloatRange(0.0),
    required=True,
    help="Traffic out of the server, in GB of 10⁹ bytes.",
)
def traffic(file: Path, gb: float) -> int:
    """Say what traffic costs on each type, once what is included is used up."""
    for each in read_catalog(file, today=datetime.now(UTC).date()).types:
        eur = gb * 1e9 * each.extra_traffic_eur_per_byte
        click.echo(f"{each.name}: {eur:.2f} EUR")
    return 0


def _check(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname and not parts.username:
        return
    if parts.scheme == "http" and _is_loopback(parts.hostname or ""):
        return
    raise ConfigError(f"--url {parts.scheme}://{parts.hostname} is not https")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _page(url: str, token: str) -> dict[str, Any]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    opener = urllib.request.build_opener(NoRedirect())
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            body = answer.read(LONGEST_ANSWER + 1)
        if len(body) > LONGEST_ANSWER:
            raise ConfigError(f"{url} answered with more than 8 MiB")
        plain = json.loads(body)
    except urllib.error.HTTPError as error:
        why = "the token is refused" if error.code in (401, 403) else "try again later"
        raise ConfigError(f"{url} answered {error.code}: {why}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{url} gave no readable answer ({type(error).__name__})"
        ) from None
    if not isinstance(plain, dict):
        raise ConfigError(f"{url} answered no JSON object")
    return plain
