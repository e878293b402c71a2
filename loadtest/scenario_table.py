"""One table of a TOML file, read key by key; a mistake names file, table and key."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from bots.errors import ConfigError
from loadtest.durations import parse_duration


class Table:
    """The keys of a table; each is read once, as what it should be.

    Every method raises ConfigError for a value that is not that. Without a default, a
    key that is missing is a mistake too.
    """

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self.values = values
        self.where = where
        """File and table, as a mistake names them."""

    def known(self, *keys: str) -> None:
        """Refuse any other key."""
        for key in self.values:
            if key not in keys:
                raise ConfigError(
                    f"{self.where}: unknown key {key!r}: use one of "
                    + ", ".join(sorted(keys))
                )

    def table(self, key: str, *, needed: bool = False) -> "Table":
        """Return a table within this one; an empty one where there is none."""
        value = self.values.get(key, {})
        if needed and value == {}:
            raise ConfigError(
                f"{self.where}: there is no [{key}], which every scenario has: see "
                "examples/scenarios"
            )
        if not isinstance(value, dict):
            raise ConfigError(f"{self.where}: {key} is no table: write [{key}]")
        return Table(value, f"{self.where}: [{key}]")

    def named(self, key: str) -> Iterator[tuple[str, "Table"]]:
        """Yield the tables `[key.NAME]` with their names."""
        for name in self.table(key).values:
            value = self.values[key][name]
            if not isinstance(value, dict):
                raise ConfigError(f"{self.where}: {key} is wrong: write [{key}.NAME]")
            yield name, Table(value, f"{self.where}: [{key}.{name}]")

    def tables(self, key: str) -> list["Table"]:
        """Return the tables `[[key]]`, numbered from 1 in mistakes."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            raise ConfigError(f"{self.where}: {key} is no list: write [[{key}]]")
        return [
            Table(each, f"{self.where}: [[{key}]] {number}")
            for number, each in enumerate(value, start=1)
        ]

    def text(self, key: str, default: str | None = None) -> str:
        value = self._get(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, value, "is no text: write it in quotes")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self._wrong(key, value, "is no list of texts in quotes")
        return tuple(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, value, "is no truth: use true or false")
        return value

    def choice(
        self, key: str, choices: tuple[Any, ...], default: str | None = None
    ) -> Any:
        value = self._get(key, default)
        if value not in choices:
            raise self._wrong(
                key, value, f"is unknown: use one of {', '.join(choices)}"
            )
        return value

    def whole(
        self, key: str, default: int | None = None, *, least: int = 1, most: int
    ) -> int:
        return self._whole(key, self._get(key, default), least, most)

    def wholes(self, key: str, *, most: int) -> tuple[int, ...]:
        """Return a list of whole numbers from 0 on, at least one of them."""
        value = self._get(key, None)
        if not isinstance(value, list) or not value:
            raise self._wrong(key, value, "is no list: write such as [20, 40]")
        return tuple(self._whole(key, each, 0, most) for each in value)

    def number(
        self, key: str, default: float | None = None, *, above: float, most: float
    ) -> float:
        value = self._get(key, default)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not (math.isfinite(value) and above < value <= most):
            bounds = f"is no number above {max(above, 0):g}, up to {most:g}"
            raise self._wrong(key, value, bounds)
        return float(value)

    def seconds(
        self, key: str, default: float | None = None, *, may_be_none: bool = False
    ) -> float:
        """Return a duration such as "5m", or a bare number of seconds."""
        value = self._get(key, default)
        if may_be_none and value in (0, "0", "0s") and value is not False:
            return 0.0
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise self._wrong(key, value, 'is no duration: write "30s" or "5m"')
        try:
            return parse_duration(str(value))
        except ConfigError as error:
            raise ConfigError(f"{self.where} {key}: {error}") from error

    def durations(self, key: str, count: int) -> tuple[float, ...]:
        """Return `count` durations: a list of so many, or one for all."""
        value = self._get(key, None)
        if not isinstance(value, list):
            return (self.seconds(key),) * count
        if len(value) != count:
            raise self._wrong(key, value, f"has {len(value)} durations, not {count}")
        rows = [Table({key: each}, self.where) for each in value]
        return tuple(row.seconds(key) for row in rows)

    def _get(self, key: str, default: Any) -> Any:
        value = self.values.get(key, default)
        if value is None:
            raise ConfigError(f"{self.where}: {key} is missing")
        return value

    def _whole(self, key: str, value: Any, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, value, "is no whole number")
        if not least <= value <= most:
            raise self._wrong(key, value, f"is out of range: give {least} to {most}")
        return value

    def _wrong(self, key: str, value: Any, what: str) -> ConfigError:
        return ConfigError(f"{self.where} {key} = {value!r} {what}")
