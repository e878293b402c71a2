"""Frozen dataclasses <-> plain JSON values, driven by their type hints. Pure.

Rules, the same for files and for the wire between a Locust worker and its engine:

- a dataclass is an object, a tuple an array, a tuple of (text, value) pairs an object;
- a field at its default is left out when that default is empty (null, 0, "", []):
  a default with a meaning, such as a bound of an SLO, is always written, since a
  later version may have another;
- floats are rounded to nanoseconds, those under a microsecond to six digits (the price
  of a byte is one); infinity, the wait for what never came, is the text "infinity",
  since JSON has no such number; NaN is refused;
- reading ignores unknown fields and names the field that is missing or of a wrong type.
"""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar, Union

Decoder = Callable[[Any], Any]
Encoder = Callable[[Any], Any]
T = TypeVar("T")
INFINITY: Final = "infinity"
_SMALL: Final = 1e-6

# One closure per type, made on first use: a run writes a line per stream and second.
_encoders: dict[Any, Encoder] = {}
_decoders: dict[Any, Decoder] = {}


class Malformed(ValueError):
    """A plain value does not fit the type; the text says where and why."""


def to_plain(value: Any) -> dict[str, Any]:
    """Return the dataclass instance `value` as an object of plain JSON values."""
    result = _encoder(type(value))(value)
    assert isinstance(result, dict), value
    return result


def from_plain(kind: type[T], value: Any) -> T:
    """Build a `kind` from plain JSON values.

    Raises Malformed with the path of the field that does not fit.
    """
    result = _decoder(kind)(value)
    assert isinstance(result, kind), result
    return result


def _encoder(kind: Any) -> Encoder:
    if kind not in _encoders:
        _encoders[kind] = _make_encoder(kind)
    return _encoders[kind]


def _make_encoder(kind: Any) -> Encoder:
    if dataclasses.is_dataclass(kind):
        return _dataclass_encoder(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        inner = [item for item in arguments if item is not types.NoneType]
        if len(inner) > 1:
            return lambda value: _encoder(type(value))(value)
        encode = _encoder(inner[0])
        return lambda value: None if value is None else encode(value)
    if origin is tuple:
        return _tuple_encoder(arguments)
    if kind is float:
        return _plain_float
    return lambda value: value


def _dataclass_encoder(kind: Any) -> Encoder:
    hints = typing.get_type_hints(kind)
    fields = [
        (field.name, _encoder(hints[field.name]), _default_of(field))
        for field in dataclasses.fields(kind)
    ]

    def encode(value: Any) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for name, encode_field, default in fields:
            raw = getattr(value, name)
            encoded = encode_field(raw)
            if encoded or raw != default or type(raw) is not type(default):
                plain[name] = encoded
        return plain

    return encode


def _tuple_encoder(arguments: tuple[Any, ...]) -> Encoder:
    if _is_pairs(arguments):
        encode_value = _encoder(typing.get_args(arguments[0])[1])
        return lambda pairs: {name: encode_value(value) for name, value in pairs}
    if arguments[-1] is Ellipsis:
        encode = _encoder(arguments[0])
        return lambda items: [encode(item) for item in items]
    encoders = [_encoder(item) for item in arguments]
    return lambda items: [
        encode(item) for encode, item in zip(encoders, items, strict=True)
    ]


def _plain_float(value: float) -> float | str:
    if value == math.inf:
        return INFINITY
    if not math.isfinite(value):
        raise Malformed(f"{value} is no number")
    if -_SMALL < value < _SMALL:
        return float(f"{value:.6g}")
    return round(value, 9)


def _decoder(kind: Any) -> Decoder:
    if kind not in _decoders:
        _decoders[kind] = _make_decoder(kind)
    return _decoders[kind]


def _make_decoder(kind: Any) -> Decoder:
    if dataclasses.is_dataclass(kind):
        return _dataclass_decoder(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        inner = [item for item in arguments if item is not types.NoneType]
        assert len(inner) == 1, kind
        decode = _decoder(inner[0])
        return lambda value: None if value is None else decode(value)
    if origin is Literal:
        return functools.partial(_one_of, arguments)
    if origin is tuple:
        return _tuple_decoder(arguments)
    assert kind in (str, int, float, bool), kind
    return functools.partial(_primitive, kind)


def _dataclass_decoder(kind: Any) -> Decoder:
    hints = typing.get_type_hints(kind)
    fields = [
        (field.name, _decoder(hints[field.name]), _default_of(field))
        for field in dataclasses.fields(kind)
    ]

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            raise Malformed(f"{kind.__name__} is no object")
        arguments = {}
        for name, decode_field, default in fields:
            if name in value:
                try:
                    arguments[name] = decode_field(value[name])
                except Malformed as error:
                    raise Malformed(f"{name}: {error}") from None
            elif default is dataclasses.MISSING:
                raise Malformed(f"{name} is missing")
        return kind(**arguments)

    return decode


def _tuple_decoder(arguments: tuple[Any, ...]) -> Decoder:
    if _is_pairs(arguments):
        decode_value = _decoder(typing.get_args(arguments[0])[1])

        def decode_pairs(value: Any) -> tuple[Any, ...]:
            if not isinstance(value, dict):
                raise Malformed("is no object")
            return tuple((name, decode_value(item)) for name, item in value.items())

        return decode_pairs
    if arguments[-1] is Ellipsis:
        decode = _decoder(arguments[0])

        def decode_items(value: Any) -> tuple[Any, ...]:
            if not isinstance(value, list):
                raise Malformed("is no array")
            return tuple(decode(item) for item in value)

        return decode_items
    decoders = [_decoder(item) for item in arguments]

    def decode_fixed(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) != len(decoders):
            raise Malformed(f"is no array of {len(decoders)}")
        return tuple(decode(item) for decode, item in zip(decoders, value, strict=True))

    return decode_fixed


def _primitive(kind: type, value: Any) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if kind is float and value == INFINITY:
        return math.inf
    if type(value) is not kind or (type(value) is float and not math.isfinite(value)):
        raise Malformed(f"{_shown(value)} is no {kind.__name__}")
    return value


def _one_of(allowed: tuple[Any, ...], value: Any) -> Any:
    if value not in allowed:
        raise Malformed(f"{_shown(value)} is none of {', '.join(map(repr, allowed))}")
    return value


def _is_pairs(arguments: tuple[Any, ...]) -> bool:
    if len(arguments) != 2 or arguments[1] is not Ellipsis:
        return False
    inner = typing.get_args(arguments[0])
    return (
        typing.get_origin(arguments[0]) is tuple and len(inner) == 2 and inner[0] is str
    )


def _default_of(field: "dataclasses.Field[Any]") -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
