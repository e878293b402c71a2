"""A hoster's price list -> a dated catalogue. Pure: bytes in, TOML text out.

Hetzner Cloud's API lists server types with, for each location, hourly and monthly
prices (net and gross, as decimal text), included traffic in bytes and the price of a
terabyte beyond it (`GET /v1/server_types`, docs.hetzner.cloud). Its types are hourly:
billed while they exist, at most the monthly price.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from bots.errors import ConfigError

TERABYTE = 1e12
HCLOUD_NIC_MBPS = 1000
"""Not told by the API: our assumption, and written so."""


def hcloud_catalog(
    pages: Sequence[Mapping[str, Any]], *, location: str, url: str, today: date
) -> str:
    """Return a catalogue of the types with dedicated cores in `location`, net prices.

    Raises ConfigError for an answer that is no list of server types.
    """
    blocks = []
    for page in pages:
        kinds = page.get("server_types")
        if not isinstance(kinds, list):
            raise ConfigError(f"{url} answered without server_types: is it the API?")
        for kind in kinds:
            block = _block(kind, location, url)
            if block:
                blocks.append(block)
    if not blocks:
        raise ConfigError(
            f"{url} offers no type with dedicated cores in {location!r}: name another "
            "--location"
        )
    head = (
        "# Written by bbbload catalog refresh hcloud. Add [types.capacity], or\n"
        "# plan with a capacity.json measured on such a node.\n\n"
        "[catalog]\n"
        'currency = "EUR"\n'
        "prices_include_vat = false\n"
        "vat = 0.19\n"
        f"date = {today.isoformat()}\n"
        f"source = {_text(url)}\n"
    )
    return head + "".join(blocks)


def next_page(page: Mapping[str, Any]) -> int | None:
    """Return the number of the page that follows, None after the last one."""
    meta = page.get("meta")
    pagination = meta.get("pagination") if isinstance(meta, Mapping) else None
    number = pagination.get("next_page") if isinstance(pagination, Mapping) else None
    return number if isinstance(number, int) else None


def _block(kind: Any, location: str, url: str) -> str:
    try:
        if kind.get("cpu_type") != "dedicated" or kind.get("deprecated"):
            return ""
        found = next(
            (one for one in kind["prices"] if one["location"] == location), None
        )
        if found is None:
            return ""
        values = {
            "price": float(found["price_monthly"]["net"]),
            "per_hour": float(found["price_hourly"]["net"]),
            "included_traffic_tb": float(found["included_traffic"]) / TERABYTE,
            "extra_traffic_per_tb": float(found["price_per_tb_traffic"]["net"]),
            "nic_mbps": HCLOUD_NIC_MBPS,
            "cores": int(kind["cores"]),
            "memory_gb": float(kind["memory"]),
        }
        name = str(kind["name"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{url} answered with a type we cannot read") from error
    lines = [f"\n[[types]]\nname = {_text(f'hcloud {name} {location}')}\n"]
    lines += [f"{key} = {value:g}\n" for key, value in values.items()]
    lines.append('reason = "the API tells no NIC: 1 Gbit/s is our assumption"\n')
    return "".join(lines)


def _text(value: str) -> str:
    kept = "".join(letter for letter in value if letter.isprintable())
    return '"' + kept.replace("\\", "\\\\").replace('"', '\\"') + '"'
