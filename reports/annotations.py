"""Experiment -> GitHub's workflow commands, which become annotations of a run.

Form and escapes are those of GitHub's documentation, "Workflow commands for GitHub
Actions": `::error title=TITLE::MESSAGE`.
"""

from collections.abc import Iterator

from loadtest.comparison import Experiment
from reports import comparison_wording as worded
from reports import format as written

LEVELS = {
    "regressed": "error",
    "invalid": "error",
    "inconclusive": "warning",
    "equal": "notice",
    "better": "notice",
}


def render(experiment: Experiment) -> str:
    """Return the commands, a line each."""
    return "".join(f"{line}\n" for line in _lines(experiment))


def _lines(experiment: Experiment) -> Iterator[str]:
    before, after = worded.versions(experiment)
    title = f"bbbload: {before} against {after}"
    design = worded.DESIGNS[experiment.design]
    text = "\n".join((design, worded.verdict(experiment), *experiment.reasons))
    yield _command(LEVELS[experiment.verdict], title, text)
    for each in experiment.measures:
        if each.verdict == "regressed":
            level = "error" if each.measure.is_gated else "warning"
            yield _command(level, each.measure.name, worded.sentence(each))
    for check in experiment.limits:
        if not check.is_kept:
            level = "error" if check.fails else "warning"
            yield _command(level, check.measure.name, worded.limit_sentence(check))


def _command(level: str, title: str, text: str) -> str:
    title = _escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={title}::{_escaped(text)}"


def _escaped(text: str) -> str:
    text = text.replace(written.NBSP, " ").replace("%", "%25")
    return text.replace("\r", "%0D").replace("\n", "%0A")
