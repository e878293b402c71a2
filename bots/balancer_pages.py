"""What a balancer shows a browser instead of a meeting: an HTML page at a join. Pure.

b3scale (`pkg/middlewares/requests/meetings_request_handler.go`, `attendees_limit.go`
and `pkg/templates/html/`) answers a join

- whose meeting has no node, or whose node is not ready: with a redirect to
  `/b3s/retry-join/<the request in Base64>` on its own host, a page "Please Wait!" that
  asks for the join again by its Refresh, each second since 2021-05 and after 15 s
  before;
- of a meeting that it does not know: with status 404 and "Meeting Not Found!";
- of a tenant whose limit of participants is reached: with status 403 and "Attendees
  limit reached".

Its other failures are BBB's XML with keys of its own (`b3scaleGatewayError`,
`b3scale_server_error`), as all of Scalelite's are (`BBBErrors`: `notFound`,
`serverUnavailable`, `internalError`, …), which has no page to wait at; a proxy in front
of either answers 502 to 504. `bots.protocol.answers` reads those.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin, urlsplit

from bots.addresses import parts_of
from bots.errors import ApiRefusal
from bots.protocol.answers import HttpAnswer

WAITING_PATH: Final = "/b3s/retry-join/"
LONGEST_PAGE: Final = 100_000
"""Characters that are looked at: b3scale's have about a thousand."""
LIMIT_REACHED: Final = "attendeesLimitReached"
"""b3scale's own message key for that page."""
NOT_FOUND: Final = "notFound"
"""BBB's key, which b3scale gives other calls for such a meeting."""

_REFUSALS: Final = (
    ("attendees limit reached", LIMIT_REACHED),
    ("meeting not found", NOT_FOUND),
)
# HTML Living Standard, "shared declarative refresh steps": a fraction is ignored.
_REFRESH: Final = re.compile(
    r"""\s*(?P<after_s>\d{1,4})[\d.]*\s*[;,\s]\s*(?:url\s*=\s*)?+(?P<url>[^\s].*)""",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingPage:
    """A page that makes a browser ask for the join again after a while."""

    after_s: float
    url: str = field(repr=False)
    """The join, as the page spells it, made absolute: signed."""


def waiting_page(answer: HttpAnswer, asked: str) -> WaitingPage | None:
    """Return the page to wait at that `asked` was answered with, None for all else.

    Raises ApiRefusal for a page that lets nobody in: `attendeesLimitReached`,
    `notFound`, or `malformed` where it leads to anything but a join.
    """
    text = answer.body.lstrip()
    if not text[:15].lower().startswith(("<!doctype html", "<html")):
        return None
    page = _Head()
    page.feed(text[:LONGEST_PAGE])
    title = " ".join(page.title.split())
    if answer.status >= 400:
        for words, code in _REFUSALS:
            if words in title.lower():
                raise ApiRefusal(
                    f'the balancer showed a page "{title[:80]}"', code=code
                )
        return None
    told = _REFRESH.match(page.refresh)
    if answer.status != 200 or told is None:
        return None
    leads_to = parts_of(told["url"].strip().strip("'\"")).geturl()
    url = urljoin(asked, leads_to)
    if not urlsplit(url).path.endswith("/join"):
        raise ApiRefusal(
            f'the page "{title[:80]}" leads to something else than a join',
            code="malformed",
        )
    return WaitingPage(after_s=float(told["after_s"]), url=url)


def leads_to_page(location: str) -> bool:
    """Say whether a redirect of a join leads to b3scale's waiting page."""
    return urlsplit(location).path.startswith(WAITING_PATH)


class _Head(HTMLParser):
    """Title and Refresh of a page; broken HTML is read as far as it goes."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self.refresh = ""
        self._in_title = False

    def handle_starttag(
        self, tag: str, attributes: list[tuple[str, str | None]]
    ) -> None:
        given = dict(attributes)
        if tag == "meta" and (given.get("http-equiv") or "").lower() == "refresh":
            self.refresh = self.refresh or given.get("content") or ""
        self._in_title = tag == "title"

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
