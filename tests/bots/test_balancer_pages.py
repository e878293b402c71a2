"""What a balancer's page at a join means."""

import pytest

from bots.balancer_pages import leads_to_page, waiting_page
from bots.errors import ApiRefusal
from bots.protocol.answers import HttpAnswer
from tests.support.balancer import page

ASKED = "https://balancer.example.org/b3s/retry-join/opaque"
JOIN = "/bbb/tenant/api/join?meetingID=m&amp;checksum=0123"


def shown(content: str, status: int = 200) -> HttpAnswer:
    """Return a page with a Refresh."""
    head = f"<META HTTP-EQUIV='refresh' content=\"{content}\">"
    return HttpAnswer(status=status, body=page("Big Blue Button - Please Wait!", head))


@pytest.mark.parametrize(
    ("content", "after_s"),
    [
        (f"1; url={JOIN}", 1.0),
        (f"15;URL='{JOIN}'", 15.0),
        (f" 0.7 , {JOIN}", 0.0),
        (f"3 url = {JOIN} ", 3.0),
    ],
)
def test_a_refresh_is_read_as_a_browser_reads_it(content, after_s):
    found = waiting_page(shown(content), ASKED)

    assert found is not None
    assert found.after_s == after_s
    assert found.url == (
        "https://balancer.example.org/bbb/tenant/api/join?meetingID=m&checksum=0123"
    )
    assert "checksum" not in repr(found)


@pytest.mark.parametrize(
    "answer",
    [
        shown("1; url="),
        shown("soon"),
        shown(f"1; url={JOIN}", status=503),
        HttpAnswer(status=200, body=page("Log in")),
        HttpAnswer(status=502, body=page("Bad Gateway")),
        HttpAnswer(status=200, body="<response><returncode>SUCCESS</returncode>"),
        HttpAnswer(status=302, location="https://node.example.org/join?a=b"),
        HttpAnswer(status=200, body="<html><meta http-equiv=refresh><title"),
    ],
)
def test_what_asks_for_no_join_is_no_waiting_page(answer):
    assert waiting_page(answer, ASKED) is None


@pytest.mark.parametrize(
    ("status", "title", "code"),
    [
        (403, "Big Blue Button - Attendees limit reached", "attendeesLimitReached"),
        (404, "Big Blue Button - Meeting\n Not Found!", "notFound"),
    ],
)
def test_a_page_that_lets_nobody_in_is_a_refusal_by_name(status, title, code):
    # Both ask browsers to load the page again: nothing says that it will ever help.
    answer = HttpAnswer(
        status=status, body=page(title, '<meta http-equiv="Refresh" content="1; url=">')
    )

    with pytest.raises(ApiRefusal, match="the balancer showed a page") as refusal:
        waiting_page(answer, ASKED)

    assert refusal.value.code == code


@pytest.mark.parametrize("url", ["https://login.example.org/", "javascript:join()"])
def test_a_page_that_leads_away_is_not_followed(url):
    with pytest.raises(ApiRefusal, match="something else than a join") as refusal:
        waiting_page(shown(f"0; url={url}"), ASKED)

    assert refusal.value.code == "malformed"


def test_a_page_that_leads_to_no_address_is_refused():
    with pytest.raises(ApiRefusal, match="an address that is none"):
        waiting_page(shown("0; url=http://[x/join"), ASKED)


def test_only_the_waiting_page_of_b3scale_is_a_way_to_wait():
    assert leads_to_page(ASKED)
    assert not leads_to_page("https://balancer.example.org/login")
    assert not leads_to_page("")
