"""Tell a run that a busy machine made late from one that something else spoiled."""

from loadtest.models import EndRecord


def was_only_late(end: object) -> bool:
    """Return whether a run is invalid for no other reason than our own lateness.

    That is the right verdict on a machine whose cores others take, and no defect: wall
    time decides no test.
    """
    return (
        isinstance(end, EndRecord)
        and end.validity == "invalid"
        and bool(end.reasons)
        and all("late" in reason for reason in end.reasons)
    )
