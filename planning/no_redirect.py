"""Requests that carry a token: to the server that was named, and to no other."""

import urllib.request
from typing import Any


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: it would carry the token elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
