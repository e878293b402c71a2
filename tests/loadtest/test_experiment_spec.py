"""What the two TOML files may say; every mistake is named with its file and key."""

import pytest

from bots.errors import ConfigError
from loadtest.experiment_spec import parse_spec
from tests.support.results import capacity
from tests.support.specs import spec_of


def test_sixty_percent_of_the_capacity_is_held_in_whole_meetings():
    assert spec_of(load="size = 6\ncapacity = 80").load.participants == 48
    assert spec_of(load="size = 7\ncapacity = 80").load.participants == 42
    assert spec_of(load="size = 7\ncapacity = 5").load.participants == 7


def test_a_capacity_may_be_the_file_of_a_benchmark():
    first = (
        'target = "a"\nversion = "1"\nswitch = "x"\n'
        '[load]\nsize = 2\ncapacity = "capacity.json"'
    )
    second = 'target = "a"\nversion = "2"\nswitch = "y"'

    spec = parse_spec(first, second, read_capacity=lambda name: capacity())

    assert spec.load.participants == 16  # 60 % of 28.4, in meetings of 2


def test_gates_may_stand_in_the_file_of_the_baseline():
    spec = spec_of(top='gated = ["join time p50"]')

    assert [m.name for m in spec.gates.measures if m.is_gated] == ["join time p50"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"baseline": ""}, "no command that switches its version"),
        ({"load": "size = 3"}, "needs either capacity"),
        ({"load": "size = 3\ncapacity = 3\nparticipants = 3"}, "needs either capacity"),
        ({"load": "size = 3\ncapacity = 0"}, "is participants or a capacity.json"),
        ({"load": "size = 3\ncameras = 9\nparticipants = 3"}, "9 cameras do not fit"),
        ({"load": "size = 3\nparticipants = 3\nhold = 'x'"}, "hold: 'x' is no"),
        ({"load": "size = 3\nparticipants = 3\nstorm_rate = 90"}, "give 2 to 40"),
        ({"load": "size = 3\nparticipants = 3\njoy = 1"}, "unknown key 'joy'"),
        ({"experiment": "runs = 4"}, "4 runs a side can never give a verdict"),
        ({"experiment": "same_version_runs = 3"}, "show nothing"),
        ({"experiment": "eur_per_gb = -1"}, "give 0 or more"),
        ({"experiment": "runs = 'x'"}, "runs is a whole number"),
        ({"candidate": "[load]"}, r"candidate.toml: unknown key 'load'"),
        ({"candidate": "switch = 3"}, "switch is missing or is no text"),
        ({"candidate": "node_metrics = 3"}, "node_metrics is a list"),
        ({"top": "joy = 1"}, r"baseline.toml: unknown key 'joy'"),
        ({"top": "gated = 1"}, "gated is a list"),
    ],
)
def test_a_mistake_is_named(change, sentence):
    with pytest.raises(ConfigError, match=sentence):
        spec_of(**change)


def test_one_server_with_one_version_has_nothing_to_compare():
    text = 'target = "a"\nversion = "1"\nswitch = "x"\n'

    with pytest.raises(ConfigError, match="nothing to compare"):
        parse_spec(text + "[load]\nsize = 2\nparticipants = 2", text)


def test_hosts_are_not_compared_without_runs_of_the_baseline_on_both():
    with pytest.raises(ConfigError, match="runs of the baseline on both"):
        spec_of(baseline="", other_host=True, experiment="same_version_runs = 0")
