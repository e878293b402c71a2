"""Change servers.toml: add and remove entries, and leave all other lines as they are.

Every change is checked before it counts: the new text is read back, and when it does
not hold exactly what it should, the file stays untouched.
"""

import json
import os
import re
import tempfile
from pathlib import Path

from bots.errors import ConfigError
from bots.redaction import Secret
from bots.servers import (
    NAME,
    ServerEntry,
    node_pattern,
    normalise_url,
    read_private_file,
    read_servers,
    servers_path,
)

_URL = re.compile(r"^\s*URL\s*:\s*(\S+)\s*$", re.MULTILINE | re.IGNORECASE)
_SECRET = re.compile(r"^\s*Secret\s*:\s*(\S+)\s*$", re.MULTILINE | re.IGNORECASE)
_HEADER = re.compile(r"^\s*\[")


def read_bbb_conf(text: str) -> tuple[str, Secret]:
    """Return address and secret of what `bbb-conf --secret` prints. Pure.

    Its link to the API test page, which carries the secret, is not looked at. Raises
    ConfigError that shows nothing of the text.
    """
    urls, secrets = _URL.findall(text), _SECRET.findall(text)
    if len(urls) != 1 or len(secrets) != 1:
        raise ConfigError(
            "that is no output of `bbb-conf --secret`: it must have one line that "
            "begins with URL and one that begins with Secret; run it as root on the "
            "server"
        )
    return normalise_url(urls[0]), Secret(secrets[0])


def add_server(
    name: str,
    url: str,
    secret: Secret,
    *,
    ca_file: str | None = None,
    metrics_urls: tuple[str, ...] = (),
    nodes: tuple[str, ...] = (),
    path: Path | None = None,
) -> None:
    """Enter a server; its secret goes to `NAME.secret` (0600) beside the file.

    Raises ConfigError, and changes nothing then.
    """
    path = path or servers_path()
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no name for a server: use letters, digits, '.', '_' and '-'"
        )
    before = read_servers(path)
    if any(entry.name == name for entry in before):
        raise ConfigError(
            f"{name} is in {path} already: remove it first with "
            f"`bbbload servers remove {name}`"
        )
    file = f"{name}.secret"
    lines = [f"[servers.{json.dumps(name)}]", f"url = {json.dumps(url)}"]
    lines.append(f"secret_file = {json.dumps(file)}")
    if ca_file is not None:
        ca_file = str(Path(ca_file).expanduser().absolute())
        lines.append(f"ca_file = {json.dumps(ca_file)}")
    if metrics_urls:
        lines.append(f"metrics_urls = {json.dumps(list(metrics_urls))}")
    nodes = tuple(node_pattern(node, name) for node in nodes)
    if nodes:
        lines.append(f"nodes = {json.dumps(list(nodes))}")
    entry = ServerEntry(
        name=name,
        url=url,
        secret_source="secret_file",
        secret_value=str(path.parent / file),
        ca_file=ca_file,
        metrics_urls=metrics_urls,
        nodes=nodes,
    )
    text = _text_of(path)
    gap = "\n" if text and not text.endswith("\n\n") else ""
    _replace(path, f"{text}{gap}" + "\n".join(lines) + "\n", (*before, entry))
    _write_private(path.parent / file, secret.reveal() + "\n")


def remove_server(name: str, path: Path | None = None) -> None:
    """Take a server out, with the secret file that `add_server` wrote.

    Raises ConfigError, and changes nothing then.
    """
    path = path or servers_path()
    before = read_servers(path)
    entry = next((entry for entry in before if entry.name == name), None)
    if entry is None:
        known = ", ".join(entry.name for entry in before) or "none"
        raise ConfigError(f"no server is named {name!r} in {path} (known: {known})")
    kept, is_inside = [], False
    header = re.compile(rf"^\s*\[servers\.[\"']?{re.escape(name)}[\"']?\]\s*(#.*)?$")
    for line in _text_of(path).splitlines(keepends=True):
        if _HEADER.match(line):
            is_inside = header.match(line.rstrip("\n")) is not None
        if not is_inside:
            kept.append(line)
    after = tuple(other for other in before if other.name != name)
    _replace(path, "".join(kept), after)
    if entry.secret_value == str(path.parent / f"{name}.secret"):
        Path(entry.secret_value).unlink(missing_ok=True)


def _text_of(path: Path) -> str:
    try:
        return read_private_file(path, "the allow-list")
    except FileNotFoundError:
        return ""


def _replace(path: Path, text: str, expected: tuple[ServerEntry, ...]) -> None:
    trial = _write_beside(path, text)
    try:
        if read_servers(trial) != expected:
            raise ConfigError(
                f"{path} is written in a way this command does not change: edit it "
                "by hand"
            )
        os.replace(trial, path)
    finally:
        trial.unlink(missing_ok=True)


def _write_private(path: Path, text: str) -> None:
    os.replace(_write_beside(path, text), path)


def _write_beside(path: Path, text: str) -> Path:
    """Write a new file, 0600 from its first byte, in the folder of `path`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with open(number, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        reason = (error.strerror or "unusable").lower()
        raise ConfigError(f"{path} cannot be written ({reason})") from error
    return Path(name)
