"""Servers by name, their secrets, and the allow-list: what may be loaded at all.

`~/.config/bbbload/servers.toml` (under `$XDG_CONFIG_HOME` where that is set) is the
allow-list. It is refused when anybody else can read it:

    [servers.NAME]
    url = "https://bbb.example.org/bigbluebutton/"
    secret_file = "NAME.secret"          # or secret_env = "…", or secret_command = "…"
    ca_file = "/etc/ssl/our-ca.pem"      # optional
    metrics_urls = ["http://10.0.0.5:9100/metrics"]   # optional
    nodes = ["node1.example.org", "*.nodes.example.org"]   # optional: a balancer's

`metrics_urls` holds every way to watch its nodes: exporters, `ssh://admin@NODE`, and
`prometheus+http://SERVER:9090/?instance=NODE`.

`resolve` turns a name or a URL into a `Server` or refuses. It is called in the bot
engine before the first packet, so that no way of starting a run gets around it.
Nothing here touches the network.
"""

import os
import re
import shlex
import stat
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bots.addresses import host_of, is_loopback, normalise_url
from bots.errors import ConfigError, GuardRefusal
from bots.reach import Reach, node_pattern
from bots.redaction import HIDDEN, Secret, redact

__all__ = [
    "HIDDEN",
    "Secret",
    "Server",
    "ServerEntry",
    "find_entry",
    "host_of",
    "is_loopback",
    "node_pattern",
    "normalise_url",
    "read_private_file",
    "read_servers",
    "redact",
    "resolve",
    "secret_of",
    "servers_path",
]

SECRET_COMMAND_TIMEOUT_S: Final = 15.0
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SOURCES: Final = ("secret_env", "secret_file", "secret_command")
_KEYS: Final = {"url", *_SOURCES, "ca_file", "metrics_urls", "nodes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A target that may be loaded, with the secret that signs for it."""

    name: str
    """Its name in servers.toml, or the host of a URL that was given."""
    url: str
    """The API's address, `https://host/bigbluebutton/api`, without a final slash."""
    secret: Secret
    ca_file: str | None = None
    metrics_urls: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    """Hosts that its joins may lead to: its entry's `nodes`, the hosts of all other
    entries, and those that were allowed for this one run."""

    @property
    def reach(self) -> Reach:
        """The hosts that a run on this server may speak to."""
        return Reach(target_host=host_of(self.url), nodes=self.nodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEntry:
    """One entry of servers.toml; where the secret is found, not the secret itself."""

    name: str
    url: str
    secret_source: str
    """`secret_env`, `secret_file` or `secret_command`."""
    secret_value: str
    """The variable, the file (absolute) or the command line."""
    ca_file: str | None = None
    metrics_urls: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    """Hosts or `*.domain` that its joins may lead to."""


def servers_path(environ: Mapping[str, str] | None = None) -> Path:
    """Return where servers.toml is looked for (XDG base directories)."""
    environ = os.environ if environ is None else environ
    base = environ.get("XDG_CONFIG_HOME") or ""
    # The specification says that a relative path is to be ignored.
    folder = Path(base) if base.startswith("/") else _home(environ) / ".config"
    return folder / "bbbload" / "servers.toml"


def resolve(
    target: str,
    *,
    secret_file: str | None = None,
    allow_host: str | Iterable[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Server:
    """Return the server that `target` (a name or a URL) means, if it may be loaded.

    Loopback addresses are always allowed. Another host must be in servers.toml, or be
    named by `allow_host` together with a secret of its own.

    Raises:
        ConfigError: the target, the file or the secret is unusable.
        GuardRefusal: the host is not on the allow-list.
    """
    environ = os.environ if environ is None else environ
    path = servers_path(environ)
    entries = read_servers(path)
    allowed = _hosts(allow_host)
    hosts = tuple(sorted({host_of(entry.url) for entry in entries} | allowed))
    if "://" not in target:
        entry = _entry_named(target, entries, path)
        return _from_entry(entry, hosts, secret_file, environ)
    url = normalise_url(target)
    host = host_of(url)
    known = _entry_for(url, entries)
    if known is not None:
        return _from_entry(known, hosts, secret_file, environ, url=url)
    if not is_loopback(host) and host not in allowed:
        raise GuardRefusal(
            f"{host} is not on the allow-list: add it to {path} with "
            f"`bbb-conf --secret | bbbload servers add NAME -`, or allow this one run "
            f"with --allow-host {host} and its secret in BBB_SECRET or --secret-file"
        )
    secret = _own(secret_file, environ, url)
    return Server(name=_authority(url), url=url, secret=secret, nodes=hosts)


def find_entry(
    target: str, environ: Mapping[str, str] | None = None
) -> ServerEntry | None:
    """Return the entry that `target`, a name or a URL, means; None without one.

    No secret is fetched. Raises ConfigError for an unusable file or address.
    """
    entries = read_servers(servers_path(environ))
    if "://" in target:
        return _entry_for(normalise_url(target), entries)
    return next((entry for entry in entries if entry.name == target), None)


def read_servers(path: Path) -> tuple[ServerEntry, ...]:
    """Read servers.toml; a missing file is an empty allow-list.

    Raises ConfigError naming the file, the entry and the fix.
    """
    try:
        text = read_private_file(path, "the allow-list")
    except FileNotFoundError:
        return ()
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML: {redact(str(error))}") from error
    extra = sorted(set(tables) - {"servers"})
    servers = tables.get("servers", {})
    if extra or not isinstance(servers, dict):
        raise ConfigError(
            f"{path}: unknown key {extra[0] if extra else 'servers'!r}: every server "
            "is a table [servers.NAME]"
        )
    return tuple(_entry(name, table, path) for name, table in servers.items())


def read_private_file(path: Path, what: str) -> str:
    """Return the text of a file that only its owner may read.

    Raises FileNotFoundError when there is none, ConfigError for all else.
    """
    try:
        # Not blocking: opening a named pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError(f"{path} ({what}) is no regular file")
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError(
                    f"{path} ({what}) can be read by others: run chmod 600 {path}"
                )
            return file.read(1_000_000)
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} ({what}) cannot be read: {_reason(error)}") from None


def secret_of(entry: ServerEntry, environ: Mapping[str, str]) -> Secret:
    """Fetch the secret of an entry from where it says.

    Raises ConfigError that names the source and never shows what it gave.
    """
    value = entry.secret_value
    if entry.secret_source == "secret_env":
        text = environ.get(value, "")
        source = f"the environment variable {value}"
    elif entry.secret_source == "secret_file":
        return _secret_from_file(value)
    else:
        text = _run_secret_command(entry)
        source = f"secret_command of {entry.name}"
    return _usable(text, source)


def _entry_named(
    name: str, entries: tuple[ServerEntry, ...], path: Path
) -> ServerEntry:
    for entry in entries:
        if entry.name == name:
            return entry
    if not NAME.fullmatch(name) or "/" in name:
        # Not a name at all: an address typed badly, which says what is wrong with it.
        normalise_url(name)
    known = ", ".join(entry.name for entry in entries) or "none yet"
    address = (
        f", or write the address https://{name}/bigbluebutton/" if "." in name else ""
    )
    raise ConfigError(
        f"no server is named {redact(name)!r} in {path} (known: {known}): add it with "
        f"`bbb-conf --secret | bbbload servers add {redact(name)} -`{address}"
    )


def _entry_for(url: str, entries: tuple[ServerEntry, ...]) -> ServerEntry | None:
    same = [entry for entry in entries if entry.url == url]
    host = host_of(url)
    same += [entry for entry in entries if host_of(entry.url) == host]
    # Loopback hosts share one address and differ by port: only the very URL counts.
    if is_loopback(host):
        same = [entry for entry in same if entry.url == url]
    return same[0] if same else None


def _from_entry(
    entry: ServerEntry,
    hosts: tuple[str, ...],
    secret_file: str | None,
    environ: Mapping[str, str],
    *,
    url: str | None = None,
) -> Server:
    secret = (
        _secret_from_file(secret_file) if secret_file else secret_of(entry, environ)
    )
    return Server(
        name=entry.name,
        url=url or entry.url,
        secret=secret,
        ca_file=entry.ca_file,
        metrics_urls=entry.metrics_urls,
        nodes=(*entry.nodes, *hosts),
    )


def _entry(name: str, table: object, path: Path) -> ServerEntry:
    where = f"{path}: [servers.{name}]"
    if not NAME.fullmatch(name):
        raise ConfigError(f"{where}: a name is letters, digits, '.', '_' and '-'")
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: is no table")
    unknown = sorted(set(table) - _KEYS)
    if "secret" in unknown:
        raise ConfigError(
            f"{where}: a secret is not written here: use secret_file, secret_env or "
            "secret_command"
        )
    if unknown:
        raise ConfigError(
            f"{where}: unknown key {unknown[0]!r}: known are {', '.join(sorted(_KEYS))}"
        )
    sources = [key for key in _SOURCES if key in table]
    if len(sources) != 1:
        raise ConfigError(
            f"{where}: needs exactly one of {', '.join(_SOURCES)}, has {len(sources)}"
        )
    metrics = _texts(table, "metrics_urls", where, "addresses")
    nodes = _texts(table, "nodes", where, "hosts")
    value = _text(table, sources[0], where)
    if sources[0] == "secret_file":
        value = str(path.parent / Path(value).expanduser())
    ca_file = _text(table, "ca_file", where) if "ca_file" in table else None
    return ServerEntry(
        name=name,
        url=normalise_url(_text(table, "url", where)),
        secret_source=sources[0],
        secret_value=value,
        ca_file=ca_file and str(path.parent / Path(ca_file).expanduser()),
        metrics_urls=metrics,
        nodes=tuple(node_pattern(node, where) for node in nodes),
    )


def _text(table: Mapping[str, object], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: {key} is missing or is no text in quotes")
    return value


def _texts(
    table: Mapping[str, object], key: str, where: str, what: str
) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigError(f"{where}: {key} is a list of {what} in quotes")
    return tuple(value)


def _own(secret_file: str | None, environ: Mapping[str, str], url: str) -> Secret:
    if secret_file:
        return _secret_from_file(secret_file)
    text = environ.get("BBB_SECRET", "")
    if not text.strip():
        raise ConfigError(
            f"no secret for {host_of(url)}: put it into the environment variable "
            "BBB_SECRET or name a file with --secret-file"
        )
    return _usable(text, "the environment variable BBB_SECRET")


def _secret_from_file(name: str) -> Secret:
    try:
        text = read_private_file(Path(name).expanduser(), "a secret file")
    except FileNotFoundError:
        raise ConfigError(
            f"the secret file {name} does not exist: write the secret into it and run "
            f"chmod 600 {name}"
        ) from None
    return _usable(text, f"the secret file {name}")


def _run_secret_command(entry: ServerEntry) -> str:
    try:
        words = shlex.split(entry.secret_value)
        done = subprocess.run(
            words,
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=SECRET_COMMAND_TIMEOUT_S,
        )
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        # `from None`: the exception's own text holds the command's output.
        raise ConfigError(
            f"secret_command of {entry.name} failed ({type(error).__name__}): try it "
            "by hand; it must print the secret and end with 0"
        ) from None
    return done.stdout


def _usable(text: str, source: str) -> Secret:
    value = text.strip()
    if not value or re.search(r"\s", value):
        raise ConfigError(f"{source} holds no secret: it must hold it and nothing else")
    return Secret(value)


def _hosts(allow_host: str | Iterable[str] | None) -> set[str]:
    hosts = [allow_host] if isinstance(allow_host, str) else list(allow_host or ())
    return {host.strip().strip("[]").lower() for host in hosts if host.strip()}


def _authority(url: str) -> str:
    return urlsplit(url).netloc


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or type(error).__name__).lower()
