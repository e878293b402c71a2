"""What of a result may be published: an allow-list, word by word. Pure.

Numbers and the choices of a Literal are published. A text is published only where a
rule for its field lets it through, and each rule knows the words it lets through: a
field that is added later stays private until somebody writes its rule here. So it needs
no list of secrets, hosts and tenants, which nobody could complete.

What is not known to be harmless is left out, also where that costs a fact.
"""

import dataclasses
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeVar

Rule = Callable[[str], str]
"""Returns what may be published of a text, "" for nothing."""
T = TypeVar("T")

_NUMBER = r"\d+(?:\.\d+)?(?:e[+-]\d+)?%?"
_LIMITS = (
    r"(?:cpu|join success|join time|first audio|first camera|audio loss|video loss"
    r"|freezes|dropped)"
)
_STATEMENTS: Final = tuple(
    re.compile(pattern.replace("#", _NUMBER).replace("@", _LIMITS))
    for pattern in (
        # What ran out (`loadtest.limits`).
        r"# of # cores in use",
        r"the network card carried # of its speed(?: at most)?",
        r"# of the memory in use",
        r"every stream lost packets",
        r"median #(?: and #)?(?:, the node used # of its CPU)?",
        r"the node used # of its CPU",
        r"@(?:, @)* broke",
        r"# refusals with (?:connections_limit_exceeded|1011|2002|http 429)"
        r"(?: or (?:connections_limit_exceeded|1011|2002|http 429))*",
        r"# joins a second were let in, # were asked for",
        # What a capacity lacks (`loadtest.capacity`).
        r"no step was measured",
        r"the path, and not the node",
        r"it is the path, and not the node",
        r"the smallest load tried, # participants, already broke the SLO",
        r"at # participants the generator was the limit",
        r"the node's CPU was not seen in # of # steps",
        r"its bound was not judged there",
        r"# participants broke @(?:, @)* once and kept the SLO when repeated",
        r"# of # climbs (?:found no|met another) limit and are not in the interval",
        # What a generator lacked (`loadtest.slo`, `loadtest.self_check`).
        r"no bot engine reported its state",
        r"a bot engine used # of a core \(limit #\)",
        r"a bot engine's loop was # s late(?: during the joins)? \(limit # s\)",
        r"# of our packets left more than # ms late \(limit #\)",
        r"# of # participants were present although no join failed",
        r"# of # streams were seen although the SLO held",
        r"# of # (?:streams|connections) were there",
        r"an engine woke # ms late on average \(limit # ms\)",
        r"it gets too little of its core",
        r"our publishers sent # camera packets to those who watched, who account for # "
        r"\(received or lost\)",
        r"one of the two is not true",
        r"packets lost in our own sockets",
        r"# \(limit #\)",
        r"# reports of our engines were damaged",
        # What limits the costs (`loadtest.costs`).
        r"intervals",
        r"bootstrap of the residuals of # steps of one run, # draws",
        r"they do not contain the difference between runs",
        r"no costs",
        r"# usable steps for # costs",
        r"more steps are needed",
        r"the node's CPU was not watched",
    )
)
_SEPARATOR: Final = re.compile(r"([:;]) ")
VERSION: Final = re.compile(
    r"(?:\d:)?\d{1,4}(?:\.\d{1,4}){1,2}"
    r"(?:[-.~]?(?:alpha|beta|rc|dev)[-.]?\d{0,3})?(?:[+~][\dT]{1,16})?(?:-\d{1,4})?"
)
"""Of three numbers at most: an IPv4 address has four."""
_MODEL: Final = re.compile(
    r"(?:[A-Z]\d-)?(?:[A-Z]|DL|ML|SR|ST|RX|TX)?\d{1,5}[A-Z]{0,2}"
    r"|\d{1,3}(?:\.\d{1,3}){1,2}|v\d|\d{1,3}-Core|\d\.\d{1,2}GHz"
)
"""Numbers of a model or version, as makers write them: E5-2680, 7502P, 22.04.5."""


def published(value: T, rules: Mapping[str, Rule]) -> T:
    """Return a dataclass without the texts that no rule lets through.

    `rules` are by `Class.field`; of a tuple of texts, and of the names in a tuple of
    pairs, each is asked for and those that come out empty are left out.
    """
    assert dataclasses.is_dataclass(value)
    assert not isinstance(value, type)
    kind = type(value)
    hints = typing.get_type_hints(kind)
    changes = {
        field.name: _published(
            getattr(value, field.name),
            hints[field.name],
            rules.get(f"{kind.__name__}.{field.name}", _nothing),
            rules,
        )
        for field in dataclasses.fields(value)
    }
    result: T = dataclasses.replace(value, **changes)
    return result


def statement(text: str) -> str:
    """Return the parts of a sentence that are known to be our own words and numbers.

    >>> statement("bbb7.example.org: no step was measured")
    'no step was measured'
    """
    pieces = _SEPARATOR.split(text)
    kept: list[str] = []
    for place in range(0, len(pieces), 2):
        if any(known.fullmatch(pieces[place]) for known in _STATEMENTS):
            if kept:
                kept.append(pieces[place - 1] + " ")
            kept.append(pieces[place])
    return "".join(kept)


def version(text: str) -> str:
    """Return a version of software, "" for what is none.

    >>> version("3.0.12"), version("10.0.0.7")
    ('3.0.12', '')
    """
    return text if VERSION.fullmatch(text) else ""


def one_of(known: Iterable[str]) -> Rule:
    """Return the rule that lets these texts through."""
    allowed = frozenset(known)
    return lambda text: text if text in allowed else ""


def known_words(text: str, known: frozenset[str], private: frozenset[str]) -> str:
    """Return the words that are known or are a model's number, none that is private.

    >>> known_words("QEMU Standard PC of bbb7", frozenset({"QEMU", "PC"}), frozenset())
    'QEMU PC'
    """
    bare = re.sub(r"\((?:R|TM|tm|C)\)", " ", text)
    words = (word.strip("(),;@") for word in bare.split())
    return " ".join(
        word
        for word in words
        if (word in known or _MODEL.fullmatch(word)) and word.lower() not in private
    )


def private_words(names: Iterable[str]) -> frozenset[str]:
    """Return the words, in lower case, that hosts and addresses consist of."""
    found = set()
    for name in names:
        for word in (name, *re.split(r"[^A-Za-z0-9-]+", name), *re.split(r"\W+", name)):
            if re.search("[A-Za-z]", word):
                found.add(word.lower())
    return frozenset(found)


def _nothing(text: str) -> str:
    return ""


def _published(value: Any, hint: Any, rule: Rule, rules: Mapping[str, Rule]) -> Any:
    if dataclasses.is_dataclass(value):
        return published(value, rules)
    if isinstance(value, str):
        return value if _is_choice(hint) else rule(value)
    if isinstance(value, tuple):
        return tuple(_items(value, typing.get_args(hint), rule, rules))
    assert value is None or isinstance(value, (bool, int, float)), value
    return value


def _items(
    value: tuple[Any, ...],
    hints: tuple[Any, ...],
    rule: Rule,
    rules: Mapping[str, Rule],
) -> Iterable[Any]:
    if len(hints) == 2 and hints[1] is Ellipsis:
        seen = set()
        for item in value:
            kept = _published(item, hints[0], rule, rules)
            name = kept[0] if isinstance(kept, tuple) and kept else kept
            if isinstance(name, str) and (not name or kept in seen):
                continue
            if isinstance(name, str):
                seen.add(kept)
            yield kept
        return
    for item, hint in zip(value, hints, strict=True):
        yield _published(item, hint, rule, rules)


def _is_choice(hint: Any) -> bool:
    return typing.get_origin(hint) is Literal
