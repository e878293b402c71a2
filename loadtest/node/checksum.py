"""BBB's checksum over an API call, from the server's side.

checksum = hex(HASH(call + query + secret)), where the query is the raw, still
percent-encoded string less its `checksum` parameter and the algorithm follows from the
length of the sum (BBB: bbb-common-web, GetChecksumValidator).
"""

import hashlib
import hmac

ALGORITHMS = {40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}
"""Length of the hex value -> algorithm."""


def without_checksum(query: str) -> tuple[str, str]:
    """Return (query less its checksum, the checksum or "")."""
    kept, checksum = [], ""
    for part in query.split("&"):
        if part.startswith("checksum="):
            checksum = part.removeprefix("checksum=")
        elif part:
            kept.append(part)
    return "&".join(kept), checksum


def is_signed(
    call: str, query: str, checksum: str, secret: str, *, algorithms: tuple[str, ...]
) -> bool:
    """Return whether `checksum` is right for `query` (given without it).

    Case does not matter, a disallowed algorithm is never right, and an empty secret
    disables the check, as on BBB.
    """
    if not secret:
        return True
    algorithm = ALGORITHMS.get(len(checksum))
    if algorithm is None or algorithm not in algorithms:
        return False
    expected = hashlib.new(algorithm, f"{call}{query}{secret}".encode()).hexdigest()
    return hmac.compare_digest(expected.encode(), checksum.lower().encode())
