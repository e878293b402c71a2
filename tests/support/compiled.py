"""What proves the compiled part is left out where it was not built, and says so."""

import pytest

from bots.media import lanes
from tests.support.needs import NOT_BUILT

needs_compiled = pytest.mark.skipif(lanes.compiled is None, reason=NOT_BUILT)
