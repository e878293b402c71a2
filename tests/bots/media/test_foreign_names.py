"""Every name of aioice, aiortc, pylibsrtp and OpenSSL in the sources is there.

`test_private_names.py` holds what we know of the ones we lean on; here they are read
off the sources, so that a new use is held from its first day, too.
"""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import aioice
import aioice.ice
import pytest

from bots.media import full_ice

PROJECT = Path(__file__).parents[3]
FOREIGN = ("aioice", "aiortc", "OpenSSL", "pylibsrtp")
SOURCES = sorted(
    path.relative_to(PROJECT).as_posix()
    for folder in ("bots/media", "loadtest/node")
    for path in (PROJECT / folder).glob("*.py")
    if any(name in path.read_text() for name in FOREIGN)
)


def foreign_names(tree: ast.Module) -> dict[str, str]:
    """Return our name -> theirs of all that is imported from foreign packages."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] in FOREIGN:
                for each in node.names:
                    found[each.asname or each.name] = f"{node.module}.{each.name}"
        elif isinstance(node, ast.Import):
            for each in node.names:
                root = each.name.split(".")[0]
                if root in FOREIGN:
                    found[each.asname or root] = each.name if each.asname else root
    return found


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` of a chain of attributes, "" of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    before = dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{before}.{node.attr}" if before and isinstance(node, ast.Attribute) else ""


def uses(path: str) -> Iterator[str]:
    """Yield every foreign name of a source, in full."""
    tree = ast.parse((PROJECT / path).read_text())
    names = foreign_names(tree)
    yield from names.values()
    for node in ast.walk(tree):
        chain = dotted(node) if isinstance(node, ast.Attribute) else ""
        root, _, rest = chain.partition(".")
        if root in names and rest:
            yield f"{names[root]}.{rest}"


def resolve(name: str) -> object:
    """Return what a dotted name is; LookupError where it is not there."""
    parts = name.split(".")
    found: object = importlib.import_module(parts[0])
    for place, part in enumerate(parts[1:], start=2):
        if not hasattr(found, part) and isinstance(found, ModuleType):
            try:
                importlib.import_module(".".join(parts[:place]))
            except ImportError:
                raise LookupError(name) from None
        if not hasattr(found, part):
            raise LookupError(name)
        found = getattr(found, part)
    return found


def own_names() -> tuple[set[str], set[str]]:
    """Return the private names that `_Connection` makes, and those it only uses."""
    tree = ast.parse(inspect.getsource(full_ice._Connection))
    made, used = set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("_") and not node.name.startswith("__"):
                made.add(node.name)
        if isinstance(node, ast.Attribute) and dotted(node) == f"self.{node.attr}":
            if node.attr.startswith("_"):
                (made if isinstance(node.ctx, ast.Store) else used).add(node.attr)
    return made, used - made


def lacking(connection: object) -> list[str]:
    """Return the private names that we use and a connection of aioice has not."""
    return sorted(name for name in own_names()[1] if not hasattr(connection, name))


def test_there_are_sources_and_aiortc_is_in_none_of_them():
    assert {"bots/media/full_ice.py", "bots/media/srtp.py", "bots/media/dtls.py"} <= (
        set(SOURCES)
    )
    for path in SOURCES:
        assert not [name for name in uses(path) if name.startswith("aiortc")], path


@pytest.mark.parametrize("path", SOURCES)
def test_every_foreign_name_of_a_source_is_there(path):
    for name in uses(path):
        resolve(name)


@pytest.mark.parametrize("name", ["aioice.ice.StunProtokoll", "aioice.gone.Connection"])
def test_a_name_that_went_would_be_noticed(name):
    with pytest.raises(LookupError, match=name):
        resolve(name)


def test_aioices_connection_has_the_private_names_that_ours_uses():
    assert own_names()[1] == {"_closing", "_nominated", "_protocols"}
    assert not lacking(aioice.Connection(ice_controlling=True))
    assert lacking(SimpleNamespace(_protocols=[], _closing=False)) == ["_nominated"]


def test_aioices_connection_has_none_of_the_private_names_that_ours_makes():
    theirs = aioice.Connection(ice_controlling=True)

    assert own_names()[0] == {
        *("_addresses", "_gather_relays", "_receive", "_relay", "_relays", "_tls")
    }
    assert not [name for name in own_names()[0] if hasattr(theirs, name)]


def test_the_bench_and_the_tests_can_put_loopback_in_place_of_host_addresses():
    parameters = inspect.signature(aioice.ice.get_host_addresses).parameters
    called = inspect.getsource(aioice.Connection.gather_candidates)

    assert list(parameters) == ["use_ipv4", "use_ipv6"]
    assert "get_host_addresses(" in called


def test_a_connected_pair_leads_to_a_transport_that_sends():
    source = inspect.getsource(aioice.ice.StunProtocol.send_stun)

    assert "self.transport.sendto(" in source
