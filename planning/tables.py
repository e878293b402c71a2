"""TOML tables read strictly: every mistake is one sentence with file, table and key.

A `Table` remembers what was asked for, so that `finish` can name a misspelt key.
"""

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar, overload

from bots.errors import ConfigError
from planning.peaks import Interval

Choice = TypeVar("Choice", bound=str)


class Table:
    """One table of a TOML file."""

    def __init__(self, data: Mapping[str, Any], place: str) -> None:
        self._data = data
        self.place = place
        """File and table, for messages."""
        self._asked: set[str] = set()

    def mistake(self, text: str) -> ConfigError:
        """Return the error that says `text` about this table."""
        return ConfigError(f"{self.place} {text}")

    def has(self, key: str) -> bool:
        """Tell whether the table holds `key`."""
        return key in self._data

    def finish(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self._data:
            if key not in self._asked:
                known = ", ".join(sorted(self._asked))
                raise self.mistake(f"has an unknown key {key!r}; known are {known}")

    def table(self, key: str, *, optional: bool = False) -> "Table":
        """Return the table under `key`; an empty one when it is optional."""
        value = self._take(key, {} if optional else None)
        if not isinstance(value, Mapping):
            raise self.mistake(f"needs a table [{key}]")
        return Table(value, f"{self.place} [{key}]")

    def tables(self, key: str) -> tuple["Table", ...]:
        """Return the tables of the array `key`, none when it is absent."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(
            isinstance(item, Mapping) for item in value
        ):
            raise self.mistake(f"needs {key} written as [[{key}]] tables")
        return tuple(
            Table(item, f"{self.place} [[{key}]] {item.get('name', index + 1)!r}")
            for index, item in enumerate(value)
        )

    def text(self, key: str, default: str | None = None) -> str:
        """Return the text under `key`."""
        value = self._take(key, default)
        if not isinstance(value, str):
            raise self.mistake(f"needs {key} as text in quotes, not {value!r}")
        return value

    def choice(self, key: str, known: tuple[Choice, ...], default: Choice) -> Choice:
        """Return the one of `known` words that stands under `key`."""
        value = self._take(key, default)
        for word in known:
            if value == word:
                return word
        raise self.mistake(f"has {key} = {value!r}; it is one of {', '.join(known)}")

    def flag(self, key: str, default: bool) -> bool:
        """Return the boolean under `key`."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.mistake(f"needs {key} as true or false, not {value!r}")
        return value

    @overload
    def number(self, key: str) -> float: ...
    @overload
    def number(self, key: str, default: float) -> float: ...
    @overload
    def number(self, key: str, default: None) -> float | None: ...
    def number(self, key: str, default: Any = ...) -> float | None:
        """Return the number under `key`, never negative."""
        if default is None and key not in self._data:
            self._asked.add(key)
            return None
        value = self._take(key, None if default is ... else default)
        return self._positive(key, value)

    def count(self, key: str, default: int | None, *, least: int) -> int:
        """Return the whole number under `key`, at least `least`."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.mistake(f"needs {key} as a whole number, not {value!r}")
        if value < least:
            raise self.mistake(f"has {key} = {value}; it must be at least {least}")
        return value

    def day(self, key: str, default: date | None) -> date | None:
        """Return the day under `key`."""
        if key not in self._data:
            self._asked.add(key)
            return default
        value = self._take(key, None)
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value)
            except ValueError as error:
                raise self.mistake(
                    f"has {key} = {value!r}; write a day as 2026-11-23"
                ) from error
        if isinstance(value, datetime) or not isinstance(value, date):
            raise self.mistake(f"has {key} = {value!r}; write a day as 2026-11-23")
        return value

    def month(self, key: str) -> str | None:
        """Return the month `YYYY-MM` under `key`, None when it is absent."""
        if key not in self._data:
            self._asked.add(key)
            return None
        value = str(self._take(key, None))
        try:
            date.fromisoformat(f"{value}-01")
        except ValueError as error:
            raise self.mistake(
                f'has {key} = {value!r}; write a month as "2026-11"'
            ) from error
        return value

    def interval(self, key: str, default: Interval | None = None) -> Interval:
        """Return the interval under `key`: a number, or low, mid and high."""
        if default is not None and key not in self._data:
            self._asked.add(key)
            return default
        value = self._take(key, None)
        if not isinstance(value, Mapping):
            number = self._positive(key, value)
            return Interval(low=number, mid=number, high=number)
        inner = Table(value, f"{self.place} {key}")
        found = Interval(
            low=inner.number("low"), mid=inner.number("mid"), high=inner.number("high")
        )
        inner.finish()
        if not found.low <= found.mid <= found.high:
            raise inner.mistake("needs low ≤ mid ≤ high")
        return found

    def _positive(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.mistake(f"needs {key} as a number, not {value!r}")
        if not 0 <= value < float("inf"):
            raise self.mistake(
                f"has {key} = {value}; it must be finite and not negative"
            )
        return float(value)

    def _take(self, key: str, default: Any) -> Any:
        self._asked.add(key)
        value = self._data.get(key, default)
        if value is None:
            raise self.mistake(f"lacks {key}")
        return value


def finite(value: float, name: str) -> float:
    """Return the value of the option `name`; refuse `nan`, which is in every range."""
    if math.isnan(value):
        raise ConfigError(f"{name} 'nan' is no number")
    return value
