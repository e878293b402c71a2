"""The exceptions of the whole project, by who is at fault.

    BbbloadError            carries the exit code that the front door ends with
    ├── OurBug              a bug of ours in a child process, with its traceback    1
    ├── ConfigError         the operator asked for something impossible          2
    ├── GeneratorError      our own machine could not keep up: the run is void   3
    ├── GuardRefusal        the guard refused the target or withdrew the load    7
    ├── TargetUnusable      the target cannot be reached or used, before load    8
    └── ClusterError        the system under test misbehaved, during the run     -
        ├── ApiRefusal      an HTTP API answer with a failure key
        ├── GraphqlRefusal  the GraphQL connection or an operation was refused
        ├── SfuRefusal      an error frame of bbb-webrtc-sfu, with its code
        ├── StepTimeout     a user-visible step took longer than its limit
        └── Dropped         an established connection went away

Inside a run a `ClusterError` is a *measurement*: the participant stores it as an
outcome and the run goes on. It never ends a process, so it has no exit code of its own.

Messages are one lower-case sentence that names the value, the file where there is one,
and the fix.
"""


class BbbloadError(Exception):
    """Any failure that bbbload explains in one sentence."""

    exit_code = 1


class OurBug(BbbloadError):
    """A child process of ours broke; the front door keeps `traceback` in a file."""

    def __init__(self, message: str, *, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback


class ConfigError(BbbloadError):
    """The operator asked for something impossible; raised before any load is sent."""

    exit_code = 2


class GeneratorError(BbbloadError):
    """Our own machine could not keep up; the run's numbers would describe us."""

    exit_code = 3


class GuardRefusal(BbbloadError):
    """The guard refuses to load this target, or withdrew from it."""

    exit_code = 7


class TargetUnusable(BbbloadError):
    """The target was unreachable or unusable before any load was sent."""

    exit_code = 8


class ClusterError(BbbloadError):
    """The system under test misbehaved; inside a run this is a measurement."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code
        """BBB's own key or number, such as `checksumError` or `2301`; "" if none."""


class ApiRefusal(ClusterError):
    """An API call was answered with FAILED; `code` is the message key."""


class GraphqlRefusal(ClusterError):
    """The middleware refused; `code` is its messageId, close code or join error."""


class SfuRefusal(ClusterError):
    """bbb-webrtc-sfu sent an error frame; `code` is its number as text."""


class StepTimeout(ClusterError):
    """A user-visible step was not answered in time; `code` names the step."""


class Dropped(ClusterError):
    """A connection that had worked went away; `code` says which and how."""
