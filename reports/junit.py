"""Experiment -> JUnit XML, for CI systems that show test results.

A case for the verdict, one for each gated measure, limit and warning. Regressed and a
missed limit are failures, an invalid experiment is an error, and what is inconclusive
or was not compared is skipped: neither passed nor failed. The format is that of the
JUnit reporters of Jenkins, GitLab and GitHub actions (testmoapp/junitxml).
"""

import xml.etree.ElementTree as ElementTree
from typing import Final

from loadtest.comparison import Comparison, Experiment
from reports import comparison_wording as worded
from reports import format as written

VERDICT: Final = "bbbload.verdict"
MEASURE: Final = "bbbload.measure"
WARNING: Final = "bbbload.warning"
LIMIT: Final = "bbbload.limit"


def render(experiment: Experiment) -> str:
    """Return the XML text, ending with a line break."""
    before, after = worded.versions(experiment)
    suite = ElementTree.Element(
        "testsuite",
        name=_plain(
            f"bbbload: {before} against {after} ({worded.DESIGNS[experiment.design]})"
        ),
        timestamp=experiment.started_at.removesuffix("Z"),
    )
    _add_verdict(suite, experiment)
    for each in experiment.measures:
        _add_measure(suite, each)
    for check in experiment.limits:
        case = _case(suite, LIMIT, check.measure.name)
        text = worded.limit_sentence(check)
        kind = "" if check.is_kept or not check.fails else "failure"
        _tell(case, kind, text)
    for kind in ("failure", "error", "skipped"):
        suite.set(f"{kind}s".replace("skippeds", "skipped"), str(_count(suite, kind)))
    suite.set("tests", str(len(suite.findall("testcase"))))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        + ElementTree.tostring(root, encoding="unicode")
        + "\n"
    )


def _add_verdict(suite: ElementTree.Element, experiment: Experiment) -> None:
    case = _case(suite, VERDICT, "verdict")
    kinds = {"regressed": "failure", "invalid": "error", "inconclusive": "skipped"}
    text = "\n".join((worded.verdict(experiment), *experiment.reasons))
    _tell(case, kinds.get(experiment.verdict, ""), text)


def _add_measure(suite: ElementTree.Element, each: Comparison) -> None:
    if not each.measure.is_gated:
        _tell(_case(suite, WARNING, each.measure.name), "", worded.sentence(each))
        return
    kinds = {
        "regressed": "failure",
        "inconclusive": "skipped",
        "not compared": "skipped",
    }
    case = _case(suite, MEASURE, each.measure.name)
    _tell(case, kinds.get(each.verdict, ""), worded.sentence(each))


def _case(suite: ElementTree.Element, kind: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite, "testcase", classname=kind, name=_plain(name), time="0"
    )


def _tell(case: ElementTree.Element, kind: str, text: str) -> None:
    text = _plain(text)
    if not kind:
        ElementTree.SubElement(case, "system-out").text = text
        return
    element = ElementTree.SubElement(
        case, kind, message=text.splitlines()[0], type=kind
    )
    element.text = text


def _count(suite: ElementTree.Element, kind: str) -> int:
    return len(suite.findall(f"testcase/{kind}"))


def _plain(text: str) -> str:
    """Return text with plain spaces, and without what XML 1.0 cannot hold."""
    text = text.replace(written.NBSP, " ")
    return "".join(char for char in text if char >= " " or char in "\t\n")
