"""The policy for missing packages and for patience, on test runs of their own."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent

NEEDY = """
import pytest

@pytest.mark.chromium
def test_needs_a_browser():
    pass

@pytest.mark.janus
def test_needs_a_gateway():
    pass

def test_needs_nothing():
    pass
"""


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """A pytest run of its own with our conftest, where nothing is installed."""
    empty = pytester.mkdir("empty")
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("BBBLOAD_WITHOUT", raising=False)
    monkeypatch.delenv("BBBLOAD_TIMEOUT_SCALE", raising=False)
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text("utf-8"))
    pytester.makepyprojecttoml(
        "[tool.pytest.ini_options]\ntimeout = 100\nmarkers = ['chromium', 'janus']\n"
    )
    return pytester


def test_a_missing_package_fails_its_tests_and_names_the_apt_line(inner):
    inner.makepyfile(NEEDY)

    result = inner.runpytest_subprocess()

    result.assert_outcomes(passed=1, errors=2)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*sudo apt install chromium*"])
    assert "NOT PROVEN" not in result.stdout.str()


@pytest.mark.parametrize("more", [(), ("-q",), ("-n", "2")])
def test_what_was_left_out_is_said_in_the_last_line(inner, monkeypatch, more):
    inner.makepyfile(NEEDY)
    monkeypatch.setenv("BBBLOAD_WITHOUT", "janus, chromium")

    result = inner.runpytest_subprocess(*more)

    assert result.ret == 0
    assert result.outlines[-1] == (
        "NOT PROVEN: chromium, janus (2 tests left out by BBBLOAD_WITHOUT)"
    )


def test_a_package_that_was_not_named_still_fails(inner, monkeypatch):
    inner.makepyfile(NEEDY)
    monkeypatch.setenv("BBBLOAD_WITHOUT", "janus")

    result = inner.runpytest_subprocess()

    result.assert_outcomes(passed=1, errors=1, skipped=1)
    assert result.ret == 1
    assert result.outlines[-1].startswith("NOT PROVEN: janus (1 test ")


def test_a_misspelt_package_is_refused(inner, monkeypatch):
    monkeypatch.setenv("BBBLOAD_WITHOUT", "chrome")

    result = inner.runpytest_subprocess()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*BBBLOAD_WITHOUT names chrome; known: *"])


def test_one_variable_scales_the_patience_of_every_test(inner, monkeypatch):
    inner.makepyfile(
        """
        from tests.support.asynctest import scaled

        def test_patience(request):
            assert scaled(2) == 5
            assert request.config.option.timeout == 250
        """
    )
    monkeypatch.setenv("BBBLOAD_TIMEOUT_SCALE", "2.5")

    inner.runpytest_subprocess().assert_outcomes(passed=1)


def test_an_async_test_runs_takes_fixtures_and_can_fail(inner):
    inner.makepyfile(
        """
        import asyncio
        import pytest
        from tests.support.asynctest import asynctest, eventually

        @asynctest
        async def test_passes(tmp_path):
            done = []
            asyncio.get_running_loop().call_later(0.01, done.append, 1)
            assert await eventually(lambda: done) == [1]

        @pytest.mark.parametrize("number", [1, 2])
        @asynctest
        async def test_fails_for_two(number):
            await asyncio.sleep(0)
            assert number == 1

        @asynctest
        async def test_gives_up(tmp_path):
            await eventually(lambda: False, limit_s=0.05, what="the impossible")
        """
    )

    result = inner.runpytest_subprocess()

    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*the impossible did not come true within 0.05 s*"])


def test_a_golden_file_is_compared_and_refreshed_on_request(golden, request):
    if request.config.getoption("--update-golden"):
        golden("conftest.txt", "kept\n")

    golden("conftest.txt", "kept\n")

    if not request.config.getoption("--update-golden"):
        with pytest.raises(AssertionError, match="differs"):
            golden("conftest.txt", "changed\n")
