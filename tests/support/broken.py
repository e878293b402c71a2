"""A command that ends as it is told, to see what the front door makes of it."""

import click

from bots.errors import (
    ClusterError,
    ConfigError,
    GeneratorError,
    GuardRefusal,
    OurBug,
    TargetUnusable,
)

ENDINGS: dict[str, BaseException] = {
    "config": ConfigError("no such thing: name another"),
    "generator": GeneratorError("too slow"),
    "guard": GuardRefusal("not allowed"),
    "target": TargetUnusable("not there"),
    "cluster": ClusterError("misbehaved"),
    "bug": RuntimeError("checksum=0123456789abcdef"),
    "child": OurBug("a child broke", traceback="Traceback\nsessionToken=abcdefgh"),
    "interrupted": KeyboardInterrupt(),
    "group": ExceptionGroup(
        "tasks", [ExceptionGroup("more", [ConfigError("mistake")])]
    ),
}


@click.command()
@click.argument("ending")
def broken(ending: str) -> int:
    """End as told; a number is returned.

    Example: bbbload broken bug
    """
    if ending.isdigit():
        return int(ending)
    raise ENDINGS[ending]
