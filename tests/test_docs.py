"""Documentation that cannot go stale: help of every command, README, paths."""

import importlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from loadtest.cli import COMMANDS

ROOT = Path(__file__).parent.parent
MACHINE_PATH = re.compile(r"(?<![\w.{}$)-])/(?:root|home/\w+|Users/\w+)/[\w.-]+")
"""A path that exists on somebody's machine only."""
COMMAND_LINE = re.compile(r"bbbload ([a-z]+)\b([^`#\n]*)")


def loaded(name: str) -> click.Command:
    module, _, attribute = COMMANDS[name].partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert isinstance(command, click.Command)
    return command


def with_children(
    name: str, command: click.Command
) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for child, below in command.commands.items():
            yield from with_children(f"{name} {child}", below)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_that_ends_with_an_example(name):
    for full_name, command in with_children(name, loaded(name)):
        context = click.Context(command, info_name=f"bbbload {full_name}")
        text = command.get_help(context)

        assert command.help, full_name
        told = " ".join(f"{command.help}\n{command.epilog or ''}".split())
        example = told.rpartition("Example")[2]
        assert f"bbbload {full_name}" in example, f"{full_name}: example at the end"
        assert text


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_seed_is_a_number_that_chance_can_begin_with(name):
    for full_name, command in with_children(name, loaded(name)):
        for option in command.params:
            if option.name == "seed":
                assert isinstance(option.type, click.IntRange), full_name
                assert option.type.min == 0, full_name


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_says_what_it_is_and_its_default(name):
    for full_name, command in with_children(name, loaded(name)):
        for option in command.params:
            if not isinstance(option, click.Option) or option.hidden:
                continue
            where = f"bbbload {full_name} {option.opts[0]}"
            assert option.help, f"{where} has no help"
            context = click.Context(command)
            info = option.get_help_extra(context)
            has_default = isinstance(option.default, (int, float, str)) and (
                not isinstance(option.default, bool) and option.default != ""
            )
            if has_default:
                assert "default" in info or "default" in option.help.lower(), where


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_readme_names_every_command(name):
    readme = (ROOT / "README.md").read_text("utf-8")

    wanted = rf"make {name}\b" if name == "demo" else rf"bbbload {name}\b"
    assert re.search(wanted, readme), f"README.md does not mention bbbload {name}"


def test_every_option_in_the_documentation_is_one_of_its_command():
    unknown = []
    for page in (*tracked("*.md"), *tracked("examples/*")):
        if page.suffix in (".png", ".svg"):
            continue
        for name, rest in COMMAND_LINE.findall(page.read_text("utf-8")):
            if name not in COMMANDS:
                continue
            command: click.Command | None = loaded(name)
            for word in rest.split():
                if isinstance(command, click.Group):
                    command = command.commands.get(word)
            if command is None:
                continue
            known = {opt for param in command.params for opt in param.opts}
            unknown += [
                f"{page.name}: bbbload {name} {option}"
                for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", rest)
                if option not in known | {"--help"}
            ]

    assert unknown == []


def test_the_readme_names_the_two_commands_that_do_all_set_up():
    readme = (ROOT / "README.md").read_text("utf-8")

    assert "make demo" in readme
    assert "make test" in readme


def test_links_of_the_documentation_lead_somewhere():
    broken = []
    for page in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")

    assert broken == []


def tracked(pattern: str = "*") -> list[Path]:
    """Return the project's files, as git knows them, without those just deleted."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", pattern],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:  # an unpacked archive has no history
        return [path for path in ROOT.rglob(pattern) if is_ours(path)]
    names = listed.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def is_ours(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return path.is_file() and not {".venv", "out", ".git", "build"} & set(parts)


def test_no_path_of_a_machine_is_in_the_tree():
    found = []
    for path in tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.name}: {match}" for match in MACHINE_PATH.findall(text)]

    assert found == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see /" + "home/ann/x", True),
        ("see /" + "root/x", True),
        ("GET /api/home/x", False),
        ("~/.config/bbbload", False),
        ("/usr/bin/env", False),
    ],
)
def test_a_path_of_a_machine_is_recognised(text, expected):
    assert bool(MACHINE_PATH.search(text)) is expected
