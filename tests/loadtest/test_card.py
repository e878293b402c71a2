"""Node cards: what they tell of a server type, and that they tell nobody's name."""

import dataclasses
import re
import typing
from dataclasses import replace

import pytest

from bots.errors import ConfigError
from bots.models import (
    Habits,
    JoinReport,
    MilestoneReport,
    PathTaken,
    Persona,
)
from loadtest.card_codec import decode_card, encode_card
from loadtest.card_making import make_card
from loadtest.crossing import Crossing
from loadtest.knees import Knee
from loadtest.limits import Met, limit_met
from loadtest.models import (
    Capacity,
    MeetingProfile,
    NodeSample,
    Percentiles,
    RunHeader,
    SeatGroup,
)
from loadtest.profiles import PROFILES, contrast_of
from loadtest.public_capacity import TOLD_ELSEWHERE, profile_hash
from loadtest.repeats import left_out
from loadtest.slo import judge
from tests.support.results import CLASSES, capacity, point, run_records

SFU_AUDIO = {"audio bridge": "bbb-webrtc-sfu"}
MARKERS = (
    "bbb17.gymnasium.example",
    "192.0.2.17",
    "2001:db8::17",
    "Gymnasium Musterstadt",
    "BBB17",
    "admin@gymnasium.example",
    "7d1f0c2b9a8e4f6d5c3b2a190817263544536271",
    "https://bbb17.gymnasium.example/bigbluebutton/api?checksum=7d1f0c2b9a8e4f6d",
)
LEAKS = re.compile(
    r"bbb17|gymnasium|musterstadt|192\.0\.2|2001:db8|7d1f0c2b|example", re.IGNORECASE
)
FACTS = (
    ("kernel", "6.8.12-4-pve"),
    ("system", "Ubuntu 22.04.5 LTS"),
    ("hardware", "Hetzner vServer"),
    ("processor", "AMD EPYC 7502P 32-Core Processor"),
    ("package bbb-html5", "1:3.0.19-2"),
    ("package our-theme", "1.2.3"),
    ("settings", "9f2c11aa0b3d"),
    ("setting graphql max connections", "2000"),
    ("setting audio bridge", "livekit"),
)
SAMPLE = NodeSample(
    elapsed_s=5.0,
    node="bbb17.gymnasium.example:9100",
    cpu_s=(("node", 1.0), ("steal", 0.2)),
    interval_s=1.0,
    cores=8.0,
    memory_bytes=2**32,
    memory_total_bytes=2**35,
    received_bytes=1,
    sent_bytes=1,
    nic_bps=1e9,
    figures=(("mediasoup_workers", 8.0),),
)


def planted(value: object, hint: object, change) -> object:
    """Return a dataclass with every free text changed, empty tuples filled with one."""
    if dataclasses.is_dataclass(value):
        hints = typing.get_type_hints(type(value))
        return replace(
            value,  # type: ignore[type-var]
            **{
                field.name: planted(
                    getattr(value, field.name), hints[field.name], change
                )
                for field in dataclasses.fields(value)
            },
        )
    if typing.get_origin(hint) is typing.Literal:
        return value
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple):
        inner = typing.get_args(hint)
        if len(inner) == 2 and inner[1] is Ellipsis:
            if not value and inner[0] is str:
                return (change(""),)
            if not value and inner[0] == tuple[str, int]:
                return ((change(""), 3),)
            return tuple(planted(item, inner[0], change) for item in value)
        return tuple(
            planted(item, one, change) for item, one in zip(value, inner, strict=True)
        )
    return value


def whole_run(**changes: object) -> tuple[RunHeader, tuple]:
    header, *records = run_records()
    assert isinstance(header, RunHeader)
    header = replace(header, **({"facts": FACTS} | changes))  # type: ignore[arg-type]
    return header, (SAMPLE, *records)


def full_capacity() -> Capacity:
    """Return a capacity with something in every kind of text."""
    found = capacity(stand_in=False)
    mixed = replace(
        CLASSES,
        name="lesson",
        mix=(SeatGroup(persona=Persona(name="Frau Meier", habits=Habits()), count=6),),
    )
    first = found.profiles[0]
    point = replace(first.points[0], node_busiest="x", refusals=(("1011", 4),))
    return replace(
        found,
        profiles=(
            replace(first, points=(point, *first.points[1:]), evidence=("x",)),
            *found.profiles[1:],
            replace(first, profile=mixed, invalid="x", points=(), verdicts=()),
        ),
        cost_note="x",
        reasons=("x",),
        cost_points=(point,),
    )


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize(
    "put",
    [
        lambda marker, text: marker,
        lambda marker, text: f"{text} {marker}",
        lambda marker, text: f"{marker}: {text}",
        lambda marker, text: f"{text}; {marker}",
    ],
    ids=["instead", "after", "before", "beside"],
)
def test_no_host_address_tenant_or_secret_of_any_field_is_in_a_card(marker, put):
    def change(text: str) -> str:
        return put(marker, text)

    header, records = whole_run()
    header = planted(header, RunHeader, change)
    card = make_card(
        replace(planted(full_capacity(), Capacity, change), run="2f9c"),
        server_type="CCX33",
        header=replace(header, run="2f9c"),
        records=tuple(planted(each, type(each), change) for each in records),
    )

    assert LEAKS.findall(encode_card(card)) == []
    assert marker not in encode_card(card)
    assert "Meier" not in encode_card(card)


@pytest.mark.parametrize("marker", MARKERS)
def test_what_a_node_tells_of_itself_under_a_known_name_names_nobody(marker):
    for put in ("{}", "{} {}", "{}-{}", "{}.{}"):
        told = tuple((name, put.format(marker, value)) for name, value in FACTS)
        told += tuple((f"{marker} {name}", value) for name, value in FACTS)
        told += tuple((f"setting {name}", marker) for name in ("recording", marker))
        header, records = whole_run(facts=told, target="bbb17.gymnasium.example")

        card = make_card(capacity(), header=header, records=records)

        assert LEAKS.findall(encode_card(card)) == []


def test_a_run_id_that_is_none_is_not_published():
    header, _ = whole_run()
    odd = replace(full_capacity(), run="gymnasium")

    assert make_card(odd, header=replace(header, run="gymnasium")).capacity.run == ""


def test_a_card_tells_what_the_watch_saw_of_the_machine():
    header, records = whole_run()

    card = make_card(capacity(), server_type="CCX33", header=header, records=records)

    assert card.type == "CCX33"
    assert card.measured_on == "2026-11-23"
    machine = card.hardware
    assert (machine.processor, machine.maker) == (
        "AMD EPYC 7502P 32-Core Processor",
        "Hetzner vServer",
    )
    assert machine.nic_bps == 1e9
    assert machine.steal_ratio is not None
    assert machine.steal_ratio == pytest.approx(0.2 / 8)
    assert card.software.system == "Ubuntu 22.04.5 LTS"
    assert card.software.kernel == "6.8.12-4-pve"
    assert card.software.packages == (("bbb-html5", "1:3.0.19-2"),)
    assert card.settings == (
        ("audio bridge", "livekit"),
        ("graphql max connections", "2000"),
        ("mediasoup workers", "8"),
    )


@pytest.mark.parametrize(
    ("name", "told", "known"),
    [
        ("hardware", "Dell Inc. PowerEdge R640", None),
        ("hardware", "HPE ProLiant DL380 Gen10 Plus", None),
        (
            "hardware",
            "QEMU Standard PC (Q35 + ICH9, 2009)",
            "QEMU Standard PC Q35 ICH9 2009",
        ),
        ("hardware", "Dell Inc. GYM17 for Musterstadt", "Dell Inc."),
        (
            "processor",
            "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz",
            "Intel Xeon CPU E5-2680 v4 2.40GHz",
        ),
        ("processor", "AMD Ryzen 5 3600 6-Core Processor", None),
        ("system", "Debian GNU/Linux 12 (bookworm)", "Debian GNU/Linux 12 bookworm"),
        ("system", "SchoolOS 4 of Musterstadt", "4"),
        ("kernel", "5.15.0-125-generic", None),
        ("kernel", "6.1.0-musterstadt", "6.1.0"),
        ("kernel", "10.0.0.7", ""),
    ],
)
def test_words_that_are_known_are_told_of_a_machine_and_no_others(name, told, known):
    header, _ = whole_run(facts=((name, told),))

    card = make_card(capacity(), header=header)

    machine, software = card.hardware, card.software
    found = {
        "hardware": machine.maker,
        "processor": machine.processor,
        "system": software.system,
        "kernel": software.kernel,
    }
    assert found[name] == (told if known is None else known)


def test_what_nobody_saw_is_not_known_and_never_guessed():
    card = make_card(replace(capacity(), node_cores=None))

    machine = card.hardware
    assert (machine.cores, machine.memory_bytes, machine.nic_bps) == (None, None, None)
    assert (machine.processor, card.software.kernel, card.type) == ("", "", "")
    assert card.settings == ()
    assert card.nodes == 0


def test_nodes_that_differ_have_no_hardware_in_common():
    header, _ = whole_run(facts=(("a kernel", "6.1.0"), ("b kernel", "6.8.0")))
    pair = (SAMPLE, replace(SAMPLE, node="b", cores=16.0))

    card = make_card(capacity(), header=header, records=pair)

    assert card.nodes == 2
    assert card.hardware.cores is None
    assert card.hardware.memory_bytes == 2**35
    assert card.software.kernel == ""


def test_numbers_verdicts_and_our_own_sentences_stay():
    found = capacity(stand_in=False)
    met = Met(limit="cpu", evidence=())
    crossing = Crossing(value=9.0, low=8.0, high=10.0)
    knees = [Knee(crossing=crossing, limit="cpu", met=met, by_law=True)]
    reasons = (
        "groups: at 12 participants the generator was the limit: a bot engine used "
        "0.91 of a core (limit 0.65)",
        f"groups: {left_out([None, *knees])[0]}",
        "who knows why",
    )

    public = make_card(replace(found, reasons=reasons)).capacity

    assert public.reasons == (
        "at 12 participants the generator was the limit: a bot engine used 0.91 of a "
        "core (limit 0.65)",
        *left_out([None, *knees]),
        TOLD_ELSEWHERE,
    )
    assert public.target == ""
    for before, after in zip(found.profiles, public.profiles, strict=True):
        assert replace(after, invalid=before.invalid) == before
        assert bool(after.invalid) == bool(before.invalid)
    assert public.costs == found.costs
    assert public.slo == found.slo


CALM = {"node_cpu_ratio": 0.3, "node_cores": 4.0}
LOSSY = Percentiles(count=12, p50=0.03, p95=0.04, max=0.05)


@pytest.mark.parametrize(
    ("broken", "changes"),
    [
        (
            ("join success",),
            {"refusals": (("1011", 4), ("connections_limit_exceeded", 2))},
        ),
        (("first audio",), {"refusals": (("2002", 4),)}),
        (("join success",), {"refusals": (("http 429", 4),)}),
        (("join time",), CALM | {"join_rate": 2.0, "join_rate_asked": 5.0}),
        (("cpu",), {"node_cpu_ratio": 0.93, "node_cores": 8.0}),
        (("freezes",), CALM | {"nic_ratio": 0.9}),
        (("freezes",), CALM | {"nic_ratio": 0.5, "nic_ratio_most": 0.99}),
        (("freezes",), CALM | {"node_memory_ratio": 0.97}),
        (("video loss",), CALM | {"audio_loss": LOSSY, "video_loss": LOSSY}),
        (("freezes", "video loss"), CALM),
    ],
)
def test_what_shows_a_limit_is_published_word_for_word(broken, changes):
    evidence = limit_met(point(12, 0.3, **changes), broken, broken[0]).evidence
    found = capacity(stand_in=False)
    first = replace(found.profiles[0], evidence=evidence)

    public = make_card(replace(found, profiles=(first,))).capacity

    assert evidence
    assert public.profiles[0].evidence == evidence


def test_a_full_process_is_told_by_its_role():
    full = point(
        12, 0.3, **CALM, node_busiest="mediasoup-worke", node_busiest_cores=0.98
    )
    found = capacity(stand_in=False)
    evidence = limit_met(full, ("freezes",), "freezes").evidence
    first = replace(found.profiles[0], evidence=evidence)

    public = make_card(replace(found, profiles=(first,))).capacity

    assert evidence == ("mediasoup-worke used 0.98 cores of 4",)
    assert public.profiles[0].evidence == ("one process (video) used 0.98 cores of 4",)


@pytest.mark.parametrize(
    "changes",
    [
        {"engine_cpu_max": 0.0},
        {"engine_cpu_max": 0.93},
        {"engine_lag_max_s": 0.4},
        {"warm_up_lag_max_s": 3.0},
        {"late_packets": 900},
        {"present": 3.0},
        {"streams_expected": 90.0, "streams_seen": 9.0},
    ],
)
def test_what_a_generator_lacked_is_published_word_for_word(changes):
    verdict = judge(point(12, 0.3, **changes))
    found = capacity(stand_in=False)
    first = replace(found.profiles[0], verdicts=(verdict,))

    public = make_card(replace(found, profiles=(first,))).capacity

    assert verdict.generator_reasons
    assert public.profiles[0].verdicts == (verdict,)


@pytest.mark.parametrize("sizes", ["small", "usual"])
def test_the_names_of_our_own_profiles_and_contrasts_are_kept(sizes):
    found = capacity()
    one = found.profiles[0]
    for profile in PROFILES[sizes]:
        lighter = contrast_of(profile)
        assert lighter is not None
        points = (replace(one.points[0], profile=lighter.name),)

        public = make_card(
            replace(
                found,
                profiles=(replace(one, profile=profile, points=(), verdicts=()),),
                cost_points=points,
            )
        ).capacity

        assert public.profiles[0].profile == profile
        assert public.cost_points == points


def test_the_hash_of_a_load_is_blind_to_names_only():
    renamed = replace(CLASSES, name="8b of the Gymnasium")

    assert profile_hash(renamed) == profile_hash(CLASSES)
    assert profile_hash(replace(CLASSES, cameras=3)) != profile_hash(CLASSES)
    assert len({profile_hash(each) for kind in PROFILES.values() for each in kind}) == 6


def test_the_hash_of_a_load_tells_how_it_was_made_and_the_card_says_so():
    usual = make_card(capacity())
    film = "clip 0123456789ab"
    manners = [("at once",), ("by relay",), (film,), (film, "at once")]
    cards = [make_card(replace(capacity(), manner=each)) for each in manners]

    hashes = {dict(card.scenarios)["classes"] for card in (usual, *cards)}

    assert len(hashes) == 5
    assert [card.capacity.manner for card in cards] == manners
    assert profile_hash(CLASSES, manners[3]) == profile_hash(CLASSES, manners[3][::-1])
    assert dict(usual.scenarios)["classes"] == profile_hash(CLASSES)


def test_a_mix_of_ones_own_is_named_by_its_hash_throughout():
    own = MeetingProfile(
        name="8b of the Gymnasium", size=6, cameras=2, microphones=6, listeners=0
    )
    found = capacity()
    first = found.profiles[0]
    points = tuple(replace(each, profile=own.name) for each in first.points)

    card = make_card(
        replace(found, profiles=(replace(first, profile=own, points=points),))
    )

    name = f"mix-{profile_hash(own)[:6]}"
    (public,) = card.capacity.profiles
    assert public.profile.name == name
    assert {each.profile for each in public.points} == {name}
    assert card.scenarios == ((name, profile_hash(own)),)


def test_a_card_is_the_same_after_it_was_written_and_read():
    header, records = whole_run()
    card = make_card(
        full_capacity(), server_type="CCX33", header=header, records=records
    )

    assert decode_card(encode_card(card), where="card.json") == card


def test_a_stand_ins_card_says_so_first():
    text = encode_card(make_card(capacity(stand_in=True)))

    assert "says nothing about BigBlueButton" in text.splitlines()[3]
    assert "says nothing" not in encode_card(make_card(capacity(stand_in=False)))


@pytest.mark.parametrize(
    "name",
    ["bbb17.gymnasium.example", "192.0.2.17", "a/b?c", "school-1", "x" * 61],
)
def test_a_type_that_looks_like_a_host_is_refused(name):
    with pytest.raises(ConfigError, match="name the server type"):
        make_card(capacity(stand_in=False), server_type=name)


def went(role: str, bridge: str = "bbb-webrtc-sfu") -> JoinReport:
    return JoinReport(
        elapsed_s=1.0,
        participant=1,
        meeting=0,
        persona="listener",
        role="viewer",
        node="bbb17.gymnasium.example",
        outcome="joined",
        path=PathTaken(bridge=bridge, audio_role=role),
    )


SCREEN = MilestoneReport(
    elapsed_s=1.0,
    participant=1,
    meeting=0,
    media="screen",
    wait_s=0.5,
    path=PathTaken(bridge="livekit"),
)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (
            [went("passive-sendrecv"), went("sendrecv"), SCREEN],
            {
                "audio bridge": "bbb-webrtc-sfu",
                "transparent listen only": "on",
                "screen share bridge": "livekit",
            },
        ),
        ([went("recv")], {**SFU_AUDIO, "transparent listen only": "off"}),
        ([went("recv"), went("passive-sendrecv")], SFU_AUDIO),
        ([went("sendrecv", "bbb17.gymnasium.example")], {}),
        ([went("", "")], {}),
    ],
)
def test_settings_that_the_ways_of_media_show_are_known_without_the_node(
    records, expected
):
    found = capacity(stand_in=False)
    header = replace(whole_run()[0], run=found.run, facts=())

    card = make_card(found, header=header, records=records)

    assert dict(card.settings) == expected


def test_what_the_node_tells_of_its_settings_comes_before_what_media_show():
    found = capacity(stand_in=False)
    facts = (("setting audio bridge", "freeswitch"),)
    header = replace(whole_run()[0], run=found.run, facts=facts)

    card = make_card(found, header=header, records=[went("sendrecv")])

    assert dict(card.settings) == {"audio bridge": "freeswitch"}


@pytest.mark.parametrize("name", ["bbb17", "CCX33 (BBB17)", "CCX33, bbb17"])
def test_a_type_with_the_first_label_of_a_watched_host_is_refused(name):
    found = capacity(stand_in=False)
    header = replace(whole_run()[0], run=found.run)

    with pytest.raises(ConfigError, match="name the server type"):
        make_card(found, server_type=name, header=header, records=[SAMPLE])


@pytest.mark.parametrize("name", ["CCX33", "c5.xlarge", "6 cores, 2020 (rented)"])
def test_types_of_hosters_are_names(name):
    assert make_card(capacity(), server_type=name).type == name


def test_the_log_of_another_run_is_refused():
    header, records = whole_run(run="ffff")

    with pytest.raises(ConfigError, match="the log is of run ffff"):
        make_card(capacity(), header=header, records=records)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "says no schema"),
        ("{", "is no JSON"),
        ('{"schema": "bbbload.card", "version": 2}', "update bbbload"),
        ('{"schema": "bbbload.card", "version": 1}', "missing"),
        ('{"schema": "bbbload.plan", "version": 1}', "bbbload.card was expected"),
    ],
)
def test_a_file_that_is_no_card_is_refused_in_a_sentence(text, words):
    with pytest.raises(ConfigError, match=words):
        decode_card(text, where="card.json")
