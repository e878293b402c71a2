"""The rooms of the house: who may import whom, what stays where, how long a module is.

Imports point down: reports -> planning -> loadtest -> bots, and only through the doors
below. A door with a reason beside it was opened for that reason; open another one here,
with its reason, or not at all.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("bots", "loadtest", "planning", "reports")
LONGEST = 400

# (importing files, what they may import of other packages); `x.*` is x and below.
DOORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "loadtest/",
        (
            "bots.models",
            "bots.errors",
            "bots.wire",
            "bots.servers",
            "bots.protocol.*",
            "bots.plain",  # one codec for the wire and for files
            "bots.redaction",  # one place redacts, also what Locust's side logs
            "bots.meetings",  # one place names our meetings and signs their create
            "bots.persona",  # what a persona does is said once, for one and for many
            "bots.persona_file",
        ),
    ),
    ("loadtest/guard.py", ("bots.transport",)),
    # The doctor asks a server as a run would, and reads the answers only.
    ("loadtest/doctor_look.py", ("bots.transport",)),
    # The E-model is a formula without media: a run's voices are rated with it.
    ("loadtest/depths.py", ("bots.media.mos",)),
    # Real peers prove each side of the shared DTLS-SRTP core in tests.
    (
        "loadtest/node/",
        (
            "bots.media.dtls",
            "bots.media.srtp",
            "bots.media.stun",
            "bots.media.rtp",
            "bots.media.rtcp",
        ),
    ),
    ("planning/", ("bots.errors", "bots.plain", "loadtest.models")),
    # A file is written whole in one way.
    *(
        (cli, ("bots.whole_file",))
        for cli in ("loadtest/commands/", "planning/", "reports/")
    ),
    # A node card is a capacity that travelled.
    ("planning/cards.py", ("loadtest.card",)),
    (
        "planning/measured.py",
        ("loadtest.card", "loadtest.card_codec", "loadtest.codec"),
    ),
    ("planning/history/", ("loadtest.codec",)),
    # A node's own history is fitted as a benchmark's steps are, role by role alike.
    (
        "planning/observed/",
        (
            "loadtest.card",
            "loadtest.codec",
            "loadtest.costs",
            "loadtest.student",
            "loadtest.watching.roles",
        ),
    ),
    # Our own load tests are no demand: the ledger tells when they were.
    ("planning/history/own_tests.py", ("loadtest.guard", "bots.addresses")),
    # Polls a BBB API as the guard allows it, with the secrets of servers.toml.
    (
        "planning/history/collect.py",
        (
            "bots.servers",
            "bots.protocol.api",
            "bots.protocol.answers",
            "bots.transport",
        ),
    ),
    ("planning/history/cli.py", ("bots.servers",)),
    (
        "reports/",
        (
            "bots.models",
            "bots.errors",
            "loadtest.models",
            "loadtest.comparison",
            "loadtest.results",
            "loadtest.card",
            *(f"planning.{data}" for data in ("models", "offers", "peaks")),
            "planning.observed.models",
        ),
    ),
    # Cards are compared where their prices are known, and drawn here.
    ("reports/cards/", ("planning.cards",)),
    (
        "reports/cards/cli.py",
        (
            *("loadtest.card_codec", "loadtest.card_making", "loadtest.codec"),
            *(
                "planning.catalog",
                "planning.observed.codec",
                "planning.observed.people",
            ),
        ),
    ),
    # A run to come is a result, too, made on the spot.
    ("reports/preview/report.py", ("loadtest.preview", "loadtest.occupancy")),
    (
        "reports/preview/cli.py",
        (
            *("loadtest.durations", "loadtest.load_files", "loadtest.machine"),
            *("loadtest.preview", "planning.catalog"),
        ),
    ),
    # A run is a stream, too long to hold: it is digested before it can be drawn.
    (
        "reports/cli.py",
        (
            "loadtest.codec",
            "loadtest.card_codec",
            "loadtest.comparison_codec",
            "planning.codec",
            "planning.observed.codec",
            "loadtest.timeline",
        ),
    ),
)

MEDIA_ROOMS = ("bots/media/", "loadtest/node/")
WEB_ROOMS = ("bots/transport.py", "loadtest/node/", "planning/history/")
ROOMS: dict[str, tuple[str, ...]] = {
    "aiortc": MEDIA_ROOMS,
    "aioice": MEDIA_ROOMS,
    "av": MEDIA_ROOMS,
    "OpenSSL": MEDIA_ROOMS,
    "cryptography": MEDIA_ROOMS,
    "pylibsrtp": MEDIA_ROOMS,
    "aiohttp": WEB_ROOMS,
    "yarl": WEB_ROOMS,
    "uvloop": ("bots/engine.py", "loadtest/commands/node.py", "loadtest/node/"),
    "graphql": ("loadtest/node/",),
    "jsonpatch": ("bots/protocol/", "loadtest/node/"),
    "locust": ("loadtest/locustfile.py", "loadtest/engine_link.py"),
    "gevent": ("loadtest/locustfile.py", "loadtest/engine_link.py"),
    "click": (
        "/cli.py",
        "loadtest/commands/",
        "loadtest/durations.py",  # types of options that all commands share
        "loadtest/rates.py",
    ),
    "rich": ("/cli.py", "loadtest/commands/", "loadtest/progress.py"),
    # Comes with locust; tells an engine's or worker's own CPU.
    "psutil": ("loadtest/locustfile.py", "loadtest/engine_link.py", "bots/engine.py"),
    "numpy": ("",),
    "matplotlib": ("reports/figures.py",),
    "jinja2": ("reports/html.py",),
    "markupsafe": ("reports/html.py",),
    "highspy": ("planning/hull.py", "planning/programme.py"),
    "holidays": ("planning/calendars.py",),
    "prometheus_client": ("loadtest/exporter.py",),
}

FILES_ARE_OPENED_IN = (
    "/cli.py",
    "loadtest/commands/",
    "bots/servers.py",
    "bots/engine.py",
    "bots/media/clip.py",
    "loadtest/locustfile.py",
    "loadtest/engine_link.py",
    "loadtest/control.py",  # tells the reason of a refusal to who started it
    "loadtest/log_file.py",  # opens the log before the load, writes it as it comes
    "loadtest/crash.py",  # keeps the traceback of a bug
    "loadtest/follow.py",  # reads the log of a run while it is written
    "loadtest/locust_run.py",  # hands Locust's process its plan, reads its messages
    "loadtest/server_list.py",  # writes what bots/servers.py reads
    "bots/socket_drops.py",  # reads the kernel's counters of our sockets from /proc
    "bots/gate.py",  # reads the engine's own memory from /proc
    "loadtest/load_files.py",  # reads scenarios, personas and what they name
    "loadtest/run_options.py",  # reads the plan that locust_run wrote
    "bots/whole_file.py",  # writes whole files
    "loadtest/machine.py",  # reads from /proc and /sys what this machine can give
    "loadtest/processes.py",  # sees in /proc whether a worker lives, and which boot
    "loadtest/codec.py",  # a run is read as a stream, line by line
    "loadtest/store.py",  # keeps the runs of experiments
    "loadtest/guard.py",  # keeps the ledger of our own runs
    "loadtest/node/metrics.py",  # reads its own process's figures from /proc
    "planning/history/",
    "planning/catalog.py",
    "planning/measured.py",  # reads whatever file holds a capacity
)

LONG: dict[str, str] = {
    "bots/media/rtcp.py": "one packet type after the other, all of RTCP we speak",
    "bots/protocol/operations.py": "data: the texts of our queries",
    "loadtest/node/tables.py": "data: the columns that the schema has",
}


@cache
def sources() -> dict[str, ast.Module]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            found[name] = ast.parse(path.read_text("utf-8"), filename=name)
    return found


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield every module that is imported, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            assert node.module is not None
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if is_module(whole) else node.module


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def within(name: str, rooms: tuple[str, ...]) -> bool:
    """Tell whether a file is one of the rooms or lies in one of them."""
    return any(
        name.startswith(room)
        if room.endswith("/") or not room
        else f"/{name}".endswith(room if room.startswith("/") else f"/{room}")
        for room in rooms
    )


def may_import(name: str, module: str) -> bool:
    doors = (
        door for files, open_to in DOORS if within(name, (files,)) for door in open_to
    )
    return any(
        module == door.removesuffix(".*")
        or (door.endswith(".*") and module.startswith(door.removesuffix("*")))
        for door in doors
    )


def test_imports_point_down_and_only_through_the_doors():
    wrong = [
        f"{name} imports {module}"
        for name, tree in sources().items()
        for module in imported(tree)
        if module.partition(".")[0] in PACKAGES
        and module.partition(".")[0] != name.partition("/")[0]
        and not may_import(name, module)
    ]

    assert wrong == []


@pytest.mark.parametrize(
    ("name", "module", "expected"),
    [
        ("bots/engine.py", "loadtest.models", False),
        ("loadtest/aggregate.py", "bots.models", True),
        ("loadtest/aggregate.py", "bots.media.rtp", False),
        ("loadtest/node/sfu.py", "bots.media.rtp", True),
        ("loadtest/guard.py", "bots.transport", True),
        ("loadtest/nodes.py", "bots.transport", False),
        ("loadtest/guard.py", "bots.protocol.api", True),
        ("planning/mix.py", "loadtest.codec", False),
        ("reports/text.py", "planning.codec", False),
        ("reports/cli.py", "planning.codec", True),
        ("reports/cli.py", "loadtest.aggregate", False),
    ],
)
def test_the_doors_are_what_they_say(name, module, expected):
    assert may_import(name, module) is expected


def test_third_parties_stay_in_their_rooms():
    wrong = []
    for name, tree in sources().items():
        for module in imported(tree):
            top = module.partition(".")[0]
            if top in PACKAGES or top in sys.stdlib_module_names:
                continue
            if top not in ROOMS:
                wrong.append(f"{name} imports {top}, which has no room")
            elif not within(name, ROOMS[top]):
                wrong.append(f"{name} imports {top}: {', '.join(ROOMS[top])}")

    assert wrong == []


DATA = ("models", "errors", "comparison", "results", "card", "offers", "peaks")


def test_data_and_errors_know_the_standard_library_and_each_other_only():
    wrong = [
        f"{name} imports {module}"
        for name, tree in sources().items()
        if name.endswith(tuple(f"/{data}.py" for data in DATA))
        for module in imported(tree)
        if module.partition(".")[0] not in sys.stdlib_module_names
        and not module.endswith(tuple(f".{data}" for data in DATA))
    ]

    assert wrong == []


def test_nobody_imports_a_command_line():
    doors = {"loadtest/__main__.py", "loadtest/cli.py"}
    wrong = [
        f"{name} imports {module}"
        for name, tree in sources().items()
        if name not in doors
        for module in imported(tree)
        if module.endswith(".cli") and module.partition(".")[0] in PACKAGES
    ]

    assert wrong == []


def test_protocols_are_sans_io():
    wrong = [
        f"{name} imports {module}"
        for name, tree in sources().items()
        if name.startswith("bots/protocol/")
        for module in imported(tree)
        if module.partition(".")[0]
        in {"asyncio", "socket", "ssl", "http", "aiohttp", "threading", "time"}
    ]

    assert wrong == []


def test_no_module_of_loadtest_bears_a_standard_librarys_name():
    # Locust puts the folder of its locustfile first on the path.
    names = {path.stem for path in (ROOT / "loadtest").glob("*.py")}

    assert names & (sys.stdlib_module_names - {"__main__"}) == set()


def opens_files(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id == "open":
            return True
        if not isinstance(called, ast.Attribute):
            continue
        if called.attr in {
            "read_text",
            "write_text",
            "read_bytes",
            "write_bytes",
            "NamedTemporaryFile",
            "mkstemp",
            "fdopen",
        }:
            return True
        if called.attr == "open" and is_a_file_open(called, node):
            return True
    return False


def is_a_file_open(called: ast.Attribute, node: ast.Call) -> bool:
    """Tell `path.open("w")` and `os.open(…)` from other things that can be opened."""
    owner = called.value
    if isinstance(owner, ast.Name) and owner.id in {"os", "io", "gzip"}:
        return True
    if any(keyword.arg == "encoding" for keyword in node.keywords):
        return True
    first = node.args[0] if node.args else None
    return (
        isinstance(first, ast.Constant)
        and isinstance(first.value, str)
        and re.fullmatch(r"[rwaxbt+]+", first.value) is not None
    )


def test_files_are_opened_at_the_edge_only():
    wrong = [
        name
        for name, tree in sources().items()
        if opens_files(tree) and not within(name, FILES_ARE_OPENED_IN)
    ]

    assert wrong == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("open('x')", True),
        ("path.open('wb')", True),
        ("path.open(encoding='utf-8')", True),
        ("os.open(path, 0)", True),
        ("session.open('audio')", False),
        ("channel.open()", False),
        ("path.read_text()", True),
    ],
)
def test_opening_a_file_is_told_from_other_openings(code, expected):
    assert opens_files(ast.parse(code)) is expected


def test_a_long_module_has_a_reason_or_is_split():
    lengths = {
        name: len((ROOT / name).read_text("utf-8").splitlines()) for name in sources()
    }
    unexplained = {
        name: lines
        for name, lines in lengths.items()
        if lines > LONGEST and name not in LONG
    }

    assert unexplained == {}
    assert LONG.keys() <= lengths.keys()


def test_only_the_locust_side_imports_gevent_when_loaded():
    # Importing locust patches the whole process: no other module may pull it in.
    modules = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in sources()
        if not name.endswith(("/__main__.py", "/locustfile.py", "/engine_link.py"))
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(sorted({'gevent', 'locust'} & set(sys.modules)))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )

    assert (loaded.stdout.strip(), loaded.stderr[-500:]) == ("[]", "")


def test_the_front_door_loads_nothing_heavy():
    code = (
        "import sys, loadtest.cli\n"
        "loadtest.cli.run_command(['--version'])\n"
        "heavy = {'matplotlib', 'numpy', 'aiortc', 'av', 'aiohttp', 'highspy'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )

    assert loaded.stderr.strip() == "[]"
