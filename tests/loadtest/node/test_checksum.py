import hashlib

import pytest

from loadtest.node.checksum import ALGORITHMS, is_signed, without_checksum

SECRET = "639259d4-9dd8-4b25-bf01-95f9567eaf4b"
QUERY = "name=Test+Meeting&meetingID=abc123&attendeePW=111222&moderatorPW=333444"
ALL = tuple(ALGORITHMS.values())


@pytest.mark.parametrize(
    "checksum",
    [
        "1fcbb0c4fc1f039f73aa6d697d2db9ba7f803f17",
        "da9185f7f333cfdfcd6eeac32dca3777510c4c436020d8b887ba5515bd1d189e",
        "DA9185F7F333CFDFCD6EEAC32DCA3777510C4C436020D8B887BA5515BD1D189E",
    ],
)
def test_the_vectors_of_bbbs_documentation_are_accepted(checksum):
    assert is_signed("create", QUERY, checksum, SECRET, algorithms=ALL)


@pytest.mark.parametrize("algorithm", ALL)
def test_each_algorithm_is_known_by_the_length_of_its_sum(algorithm):
    text = f"create{QUERY}{SECRET}".encode()
    checksum = hashlib.new(algorithm, text).hexdigest()

    assert is_signed("create", QUERY, checksum, SECRET, algorithms=ALL)
    others = tuple(name for name in ALL if name != algorithm)
    assert not is_signed("create", QUERY, checksum, SECRET, algorithms=others)


@pytest.mark.parametrize(
    ("call", "query", "secret"),
    [
        ("join", QUERY, SECRET),
        ("create", QUERY.replace("+", "%20"), SECRET),
        ("create", QUERY, SECRET + "x"),
    ],
)
def test_a_sum_over_anything_else_is_refused(call, query, secret):
    right = hashlib.sha256(f"create{QUERY}{SECRET}".encode()).hexdigest()

    assert not is_signed(call, query, right, secret, algorithms=ALL)


@pytest.mark.parametrize("checksum", ["", "abc", "g" * 40, "ä" * 64])
def test_what_is_no_sum_is_refused(checksum):
    assert not is_signed("create", QUERY, checksum, SECRET, algorithms=ALL)


def test_an_empty_secret_disables_the_check():
    assert is_signed("create", QUERY, "", "", algorithms=ALL)


@pytest.mark.parametrize(
    "query",
    [
        "checksum=12ab&a=1&b=%20",
        "a=1&checksum=12ab&b=%20",
        "a=1&b=%20&checksum=12ab",
    ],
)
def test_the_checksum_is_cut_out_wherever_it_stands(query):
    assert without_checksum(query) == ("a=1&b=%20", "12ab")
