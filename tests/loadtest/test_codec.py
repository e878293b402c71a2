"""run.jsonl and capacity.json: what is written is read, and damage is told."""

import dataclasses
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bots.errors import ConfigError
from bots.models import (
    EngineReport,
    JoinReport,
    LeaveReport,
    MilestoneReport,
    PathTaken,
    RefusalReport,
    StreamReport,
)
from loadtest.card_codec import decode_card, encode_card
from loadtest.card_making import make_card
from loadtest.codec import (
    KINDS,
    RunLog,
    decode_capacity,
    encode_capacity,
    encode_record,
    open_run,
    read_capacity,
)
from loadtest.models import (
    Capacity,
    Cost,
    EndRecord,
    LoadPoint,
    MeetingProfile,
    NodeSample,
    Percentiles,
    ProfileCapacity,
    RunHeader,
    Slo,
    SloVerdict,
    StepRecord,
)

CLASS = MeetingProfile(
    name="classes", size=10, cameras=2, microphones=3, listeners=4, moderators=1
)
HEADER = RunHeader(
    run="r1",
    started_at="2026-11-23T06:00:00Z",
    tool_version="0.1.0",
    seed=1,
    target="north",
    bbb_version="3.0.4",
    stand_in=False,
    scenario=(CLASS,),
    slo=Slo(node_cpu_max=None),
)
RECORDS = (
    StepRecord(
        elapsed_s=1.0,
        step=0,
        profile="classes",
        participants=10,
        meetings=1,
        duration_s=12.0,
        warm_up_s=4.0,
    ),
    JoinReport(
        elapsed_s=1.5,
        participant=0,
        meeting=0,
        persona="teacher",
        role="moderator",
        node="127.0.0.1",
        outcome="joined",
        phases_s=(("api", 0.1), ("graphql", 0.2)),
        join_time_s=0.3,
        path=PathTaken(bridge="bbb-webrtc-sfu", audio_role="sendrecv"),
    ),
    MilestoneReport(
        elapsed_s=2.0, participant=0, meeting=0, media="audio", wait_s=None
    ),
    RefusalReport(
        elapsed_s=2.0,
        participant=0,
        meeting=0,
        what="audio",
        outcome="refused",
        code="2301",
    ),
    StreamReport(
        elapsed_s=3.0,
        participant=0,
        meeting=0,
        direction="in",
        media="camera",
        ssrc=4_000_000_000,
        packets=25,
        lost=-1,
        jitter_s=0.000123456,
    ),
    NodeSample(
        elapsed_s=3.0,
        node="127.0.0.1",
        cpu_s=(("node", 0.4),),
        interval_s=1.0,
        cores=1.0,
        memory_bytes=1,
        memory_total_bytes=2,
        received_bytes=3,
        sent_bytes=4,
    ),
    EngineReport(
        elapsed_s=3.0,
        engine=1,
        cpu_ratio=0.2,
        lag_s=0.001,
        late_packets=0,
        sent_packets=50,
        received_packets=50,
        participants=1,
        memory_bytes=9,
    ),
    LeaveReport(elapsed_s=4.0, participant=0, meeting=0, outcome="left"),
    EndRecord(elapsed_s=5.0, validity="invalid", reasons=("engine 1 was late",)),
)


def lines_of(*records):
    return [encode_record(record) + "\n" for record in records]


def test_every_kind_of_record_survives_the_file():
    log = RunLog(lines_of(HEADER, *RECORDS), "run.jsonl")

    assert log.header == HEADER
    assert tuple(log) == RECORDS
    assert log.torn == ""
    assert {type(record) for record in (HEADER, *RECORDS)} == set(KINDS.values())


def test_each_line_says_its_kind_and_when_and_the_first_its_schema():
    lines = [json.loads(line) for line in lines_of(HEADER, *RECORDS)]

    assert all("kind" in line and "elapsed_s" in line for line in lines)
    assert (lines[0]["schema"], lines[0]["version"]) == ("bbbload.run", 1)
    assert lines[2]["phases_s"] == {"api": 0.1, "graphql": 0.2}


def test_a_torn_last_line_is_left_out_and_told():
    lines = lines_of(HEADER, *RECORDS)
    lines[-1] = lines[-1][:20]

    log = RunLog(lines, "run.jsonl")

    assert tuple(log) == RECORDS[:-1]
    assert "run.jsonl is unfinished" in log.torn


def test_a_complete_last_line_without_its_newline_counts():
    lines = lines_of(HEADER, RECORDS[0])
    lines[-1] = lines[-1].rstrip("\n")

    assert tuple(RunLog(lines, "run.jsonl")) == RECORDS[:1]


def test_damage_in_the_middle_names_file_and_line():
    lines = lines_of(HEADER, *RECORDS)
    lines[3] = lines[3][:20] + "\n"

    with pytest.raises(ConfigError, match=r"run\.jsonl line 4 is no JSON"):
        list(RunLog(lines, "run.jsonl"))


def test_unknown_kinds_and_fields_are_ignored():
    newer = {"kind": "poll", "elapsed_s": 1.0}
    leave = json.loads(encode_record(RECORDS[-2])) | {"mood": "good"}
    lines = [*lines_of(HEADER), json.dumps(newer) + "\n", json.dumps(leave) + "\n"]

    log = RunLog(lines, "run.jsonl")

    assert tuple(log) == (RECORDS[-2],)
    assert log.unknown_kinds == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"version": 2}, "version 2 of bbbload.run and this bbbload reads up to 1"),
        ({"version": "2.1"}, "version 2"),
        ({"version": None}, "no version"),
        ({"schema": "bbbload.plan"}, "bbbload.run was expected"),
        ({"schema": None}, "no schema"),
        ({"seed": "x"}, "seed: 'x' is no int"),
    ],
)
def test_a_header_of_another_time_or_kind_is_refused_by_name(change, complaint):
    line = json.dumps(json.loads(encode_record(HEADER)) | change) + "\n"

    with pytest.raises(ConfigError) as mistake:
        RunLog([line], "old.jsonl")

    assert complaint in str(mistake.value)
    assert "old.jsonl" in str(mistake.value)


@pytest.mark.parametrize("lines", [[], lines_of(RECORDS[0]), ["\n"], ["[1]\n"], ["{"]])
def test_a_file_without_a_header_is_no_run(lines):
    with pytest.raises(ConfigError, match=r"x\.jsonl"):
        RunLog(lines, "x.jsonl")


def test_files_are_opened_or_refused_in_one_sentence(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text("".join(lines_of(HEADER, *RECORDS)))

    with open_run(path) as log:
        assert len(list(log)) == len(RECORDS)
    with pytest.raises(ConfigError, match="no such file"), open_run(tmp_path / "none"):
        pass
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="no text"), open_run(tmp_path / "binary"):
        pass


CAPACITY = Capacity(
    run="r1",
    started_at="2026-11-23T06:00:00Z",
    tool_version="0.1.0",
    target="north",
    bbb_version="3.0.4",
    stand_in=True,
    seed=1,
    slo=Slo(),
    profiles=(
        ProfileCapacity(
            profile=CLASS,
            capacity=31.5,
            at_least=None,
            invalid="",
            low=29.0,
            high=34.0,
            coverage=0.9,
            limit="cpu",
            points=(
                LoadPoint(
                    step=0,
                    profile="classes",
                    participants=10,
                    present=9.9,
                    meetings=1,
                    starts_s=1.0,
                    ends_s=9.0,
                    joins=10,
                    join_success=1.0,
                    dropped=0.0,
                    join_time_s=Percentiles(count=10, p50=0.1, p95=0.2, max=0.3),
                    first_audio_s=None,
                    first_camera_s=None,
                    audio_loss=None,
                    video_loss=None,
                    frozen=None,
                    audio_in=3.0,
                    audio_out=7.0,
                    video_in=2.0,
                    video_out=18.0,
                    sent_bps=1.0,
                    received_bps=2.0,
                    node_cpu_ratio=None,
                    node_cpu_s_per_s=None,
                    node_cores=None,
                    node_samples=0,
                    engine_cpu_max=0.2,
                    engine_lag_max_s=0.01,
                    late_packets=0,
                    sent_packets=1000,
                ),
            ),
            verdicts=(SloVerdict(met=False, broken=("cpu",), generator_fit=True),),
        ),
    ),
    costs=(Cost(name="video_out", value=0.01, unit="cores", low=0.0, high=0.02),),
    cost_coverage=0.9,
    condition_number=12.5,
    cost_note="",
    node_cores=1.0,
    validity="valid",
    reasons=(),
)


def test_a_capacity_survives_its_file(tmp_path):
    path = tmp_path / "capacity.json"
    path.write_text(encode_capacity(CAPACITY))

    assert read_capacity(path) == CAPACITY
    assert json.loads(path.read_text())["schema"] == "bbbload.capacity"


def test_a_capacity_keeps_apart_what_was_not_measured():
    capacity = replace(
        CAPACITY,
        profiles=(replace(CAPACITY.profiles[0], capacity=None, at_least=40.0),),
        condition_number=None,
    )

    assert decode_capacity(encode_capacity(capacity), where="c.json") == capacity


def test_steps_that_lost_their_verdicts_are_refused():
    torn = replace(CAPACITY, profiles=(replace(CAPACITY.profiles[0], verdicts=()),))
    assert CAPACITY.profiles[0].points

    with pytest.raises(ConfigError, match=r"^c\.json: .* points and 0 verdicts"):
        decode_capacity(encode_capacity(torn), where="c.json")
    card = encode_card(make_card(torn))
    with pytest.raises(ConfigError, match=r"^card\.json: .* points and 0 verdicts"):
        decode_card(card, where="card.json")


def test_the_formats_document_names_every_kind_and_field():
    text = (Path(__file__).parents[2] / "loadtest/formats.md").read_text()
    named = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"`[^`]+`", text))))
    kinds = [*KINDS.values(), PathTaken, MeetingProfile, Slo, Capacity]
    kinds += [ProfileCapacity, LoadPoint, SloVerdict, Cost, Percentiles]

    fields = {field.name for kind in kinds for field in dataclasses.fields(kind)}

    assert sorted((fields | set(KINDS)) - named) == []


@pytest.mark.parametrize("text", ["", "<html>", "[]", "{}", '{"schema":"bbbload.run"}'])
def test_a_file_that_is_no_capacity_is_refused_by_name(text):
    with pytest.raises(ConfigError, match=r"^c\.json "):
        decode_capacity(text, where="c.json")
