"""The examples in docstrings are true."""

import doctest

import pytest

from bots import addresses, audio, limits, presence, screens


@pytest.mark.parametrize("module", [addresses, audio, limits, presence, screens])
def test_the_examples_of_a_docstring_are_true(module):
    result = doctest.testmod(module)

    assert result.attempted > 0
    assert result.failed == 0
