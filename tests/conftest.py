"""Options, the markers' policy and shared fixtures; see tests/support/needs.py."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.asynctest import timeout_scale
from tests.support.needs import NEEDS, NOT_BUILT, left_out, missing

GOLDEN = Path(__file__).parent / "data" / "golden"
LEFT_OUT = "left out by BBBLOAD_WITHOUT: "
NO_CLUSTER = "needs a real cluster: --cluster URL"

TIMED = frozenset(
    {
        "test_benchmark.py",
        "test_camera_quality.py",
        "test_ci.py",
        "test_cluster.py",
        "test_demo.py",
        "test_guard.py",
        "test_killed.py",
        "test_locust.py",
        "test_run_command.py",
        "test_soak.py",
        "test_starved.py",
        "test_stepped_run.py",
    }
)
"""Modules of tests/integration that judge quality in time. They mostly wait, so some of
them can run together, but nothing that takes whole cores beside them: a generator that
is late says so and makes its run invalid."""

Golden = Callable[[str, str], None]

# A job that a script put into the background ignores SIGINT, and so would every program
# that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files under tests/data/golden instead of comparing",
    )
    parser.addoption(
        "--cluster",
        metavar="URL",
        help="a real BigBlueButton that tests marked `cluster` may load",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    try:
        left_out(os.environ)
        scale = timeout_scale()
    except ValueError as mistake:
        raise pytest.UsageError(str(mistake)) from None
    # pytest-timeout reads the option before its ini value.
    if scale != 1 and config.getoption("timeout", None) is None:
        config.option.timeout = float(config.getini("timeout") or 0) * scale


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "integration" and item.path.name in TIMED:
            item.add_marker(pytest.mark.timed)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cluster") and not item.config.getoption("--cluster"):
        pytest.skip(NO_CLUSTER)
    for name, need in NEEDS.items():
        if item.get_closest_marker(name) is None:
            continue
        if name in left_out(os.environ):
            pytest.skip(LEFT_OUT + name)
        absent = missing(need)
        if absent:
            pytest.fail(f"{absent} (or BBBLOAD_WITHOUT={name})", pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Write `NOT PROVEN` as the run's very last line, where tests were left out."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return
    counts: dict[str, int] = {}
    unbuilt = 0
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        unbuilt += NOT_BUILT in reason
        name = reason.removeprefix("Skipped: ").removeprefix(LEFT_OUT)
        if LEFT_OUT in reason:
            counts[name] = counts.get(name, 0) + 1
    if unbuilt:
        reporter.write_line(f"NOT PROVEN: {NOT_BUILT} ({unbuilt} tests left out)")
    if counts:
        total = sum(counts.values())
        plural = "test" if total == 1 else "tests"
        reporter.write_line(
            f"NOT PROVEN: {', '.join(sorted(counts))} "
            f"({total} {plural} left out by BBBLOAD_WITHOUT)"
        )


@pytest.fixture(autouse=True)
def own_configuration(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Give every test empty configuration, state and data folders and no secret.

    The cache stays: the clip is encoded once per machine, not once per test.
    """
    home = tmp_path_factory.mktemp("home")
    for name in ("CONFIG", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    monkeypatch.delenv("BBB_SECRET", raising=False)
    return home


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> str:
    """Return the URL of the real cluster that `--cluster` names."""
    url = request.config.getoption("--cluster")
    assert isinstance(url, str), "only tests marked `cluster` may ask for it"
    return url


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a text with its golden file; `--update-golden` writes it instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        assert path.exists(), f"{path.name} is missing: pytest --update-golden"
        assert text == path.read_text(encoding="utf-8"), (
            f"{path.name} differs: look, then pytest --update-golden"
        )

    return compare
