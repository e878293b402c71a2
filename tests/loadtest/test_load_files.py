"""What a load is made of beside its meetings: films and ways, told in the header."""

import dataclasses
import re

from bots.wire import Caps
from loadtest.ladder_plan import LadderPlan
from loadtest.load_files import with_media
from loadtest.models import Slo
from loadtest.profiles import SMALL_PROFILES
from loadtest.stages import RunPlan, manner_of

PLAN = RunPlan(profiles=SMALL_PROFILES, slo=Slo(), caps=Caps(), ladder=LadderPlan())


def test_a_usual_load_has_no_manner():
    assert manner_of(with_media(PLAN, clip="", ice_policy="all")) == ()


def test_a_film_is_told_by_its_content_and_not_by_its_name(tmp_path):
    films = [tmp_path / name for name in ("gymnasium.mp4", "copy.mp4", "other.mp4")]
    for film, content in zip(films, (b"a", b"a", b"b"), strict=True):
        film.write_bytes(content)

    told = [
        manner_of(with_media(PLAN, clip=str(film), ice_policy="all")) for film in films
    ]

    assert told[0] == told[1] != told[2]
    assert re.fullmatch("clip [0-9a-f]{12}", told[0][0])


def test_ways_by_a_relay_and_everybody_at_once_are_told():
    assert PLAN.ladder is not None
    at_once = dataclasses.replace(
        PLAN, ladder=dataclasses.replace(PLAN.ladder, at_once=True)
    )

    found = manner_of(with_media(at_once, clip="", ice_policy="relay"))

    assert found == ("at once", "by relay")
