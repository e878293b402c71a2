from dataclasses import replace

from loadtest.results import DepthFigures
from reports.depths import blocks
from reports.document import Notice, Table, Text

LIGHT = DepthFigures(
    kind="video",
    depth="light",
    streams=49,
    packets=9000,
    loss_ratio=0.01,
    jitter_s=0.004,
    frame_rate=14.9,
    decoded_ratio=None,
    concealed_ratio=None,
    mos_p50=None,
    mos_p5=None,
    is_compared=False,
    differs=(),
)


def decoded(*differs: str) -> DepthFigures:
    return DepthFigures(
        kind="video",
        depth="decode",
        streams=1,
        packets=180,
        loss_ratio=0.01,
        jitter_s=0.004,
        frame_rate=14.9,
        decoded_ratio=0.998,
        concealed_ratio=None,
        mos_p50=None,
        mos_p5=None,
        is_compared=True,
        differs=differs,
    )


def test_agreement_is_said_and_every_depth_has_its_row():
    said, table = blocks((LIGHT, decoded()))

    assert isinstance(said, Text)
    assert said.text.startswith("The depths agree within 2 %")
    assert "(video at depth decode)" in said.text
    assert isinstance(table, Table)
    assert [row[1] for row in table.rows] == ["light", "decode"]
    assert "99.8" in table.rows[1][8]


def test_the_way_and_what_was_not_authentic_are_told():
    late = replace(LIGHT, one_way_delay_s=0.042, auth_failures=3, burst_packets=2.5)

    _, refused, table = blocks((late, decoded()))

    assert isinstance(refused, Notice)
    assert "not authentic: 3." in refused.text
    assert isinstance(table, Table)
    assert [row[4] for row in table.rows] == ["2.5", "–"]
    assert [row[6] for row in table.rows] == ["42\N{NO-BREAK SPACE}ms", "–"]


def test_what_differs_is_named_as_a_warning():
    said, _ = blocks((LIGHT, decoded("frames", "decoded")))

    assert isinstance(said, Notice)
    assert said.tone == "warning"
    assert "video at depth decode (frames a second and decoded frames)" in said.text


def test_too_little_in_a_second_depth_is_never_called_agreement():
    said, _ = blocks((LIGHT, replace(decoded(), is_compared=False)))

    assert isinstance(said, Text)
    assert said.text.startswith("Too little was looked at")


def test_one_depth_alone_says_that_nothing_vouches_for_it():
    said, _ = blocks((LIGHT,))

    assert isinstance(said, Text)
    assert "decode_every" in said.text
