"""The allow-list and the secrets behind it, with real files and real permissions."""

import os
from pathlib import Path

import pytest

from bots.errors import ConfigError, GuardRefusal
from bots.servers import Server, normalise_url, read_servers, resolve, servers_path

SECRET = "639259d4-kept-in-a-file"


@pytest.fixture
def config(tmp_path):
    """Write servers.toml and return the environment that finds it."""

    def write(text, mode=0o600):
        folder = tmp_path / "config" / "bbbload"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "servers.toml"
        path.write_text(text)
        path.chmod(mode)
        secret = folder / "north.secret"
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path)}

    return write


NORTH = """
[servers.north]
url = "https://BBB.example.org/bigbluebutton/"
secret_file = "north.secret"
ca_file = "ca.pem"
metrics_urls = ["http://10.0.0.5:9100/metrics"]
"""


def test_a_name_gives_the_server_of_the_file(config, tmp_path):
    server = resolve("north", environ=config(NORTH))

    assert isinstance(server, Server)
    assert server.name == "north"
    assert server.url == "https://bbb.example.org/bigbluebutton/api"
    assert server.secret.reveal() == SECRET
    assert server.ca_file == str(tmp_path / "config" / "bbbload" / "ca.pem")
    assert server.metrics_urls == ("http://10.0.0.5:9100/metrics",)
    assert SECRET not in repr(server)


def test_a_url_on_a_listed_host_uses_its_entry(config):
    server = resolve("https://bbb.example.org/bigbluebutton/api", environ=config(NORTH))

    assert (server.name, server.secret.reveal()) == ("north", SECRET)


@pytest.mark.parametrize("host", ["127.0.0.1:8090", "[::1]:8090", "localhost:8090"])
def test_loopback_needs_only_a_secret(config, host):
    environ = config("") | {"BBB_SECRET": "s3cret-of-loopback"}

    server = resolve(f"http://{host}/bigbluebutton", environ=environ)

    assert server.url == f"http://{host}/bigbluebutton/api"
    assert server.secret.reveal() == "s3cret-of-loopback"


def test_a_host_off_the_list_is_refused_though_a_secret_is_there(config):
    environ = config(NORTH) | {"BBB_SECRET": "s3cret"}

    with pytest.raises(GuardRefusal, match=r"--allow-host other\.example"):
        resolve("https://other.example/bigbluebutton/", environ=environ)


@pytest.mark.parametrize(
    "host", ["127.0.0.1.example", "loopback", "localhost.example", "0x7f.1.example"]
)
def test_a_name_that_only_looks_like_loopback_is_refused(config, host):
    with pytest.raises(GuardRefusal):
        resolve(
            f"http://{host}/bigbluebutton/", environ=config("") | {"BBB_SECRET": "x"}
        )


def test_an_allowed_host_still_needs_a_secret(config):
    url = "https://other.example/bigbluebutton/"

    with pytest.raises(ConfigError, match="BBB_SECRET"):
        resolve(url, allow_host="other.example", environ=config(NORTH))
    server = resolve(
        url, allow_host="Other.Example", environ=config("") | {"BBB_SECRET": "abcd"}
    )

    assert server.secret.reveal() == "abcd"


def test_a_secret_file_wins_over_the_environment(config, tmp_path):
    file = tmp_path / "one.secret"
    file.write_text("from-the-file")
    file.chmod(0o600)

    server = resolve(
        "http://127.0.0.1/bigbluebutton",
        secret_file=str(file),
        environ=config("") | {"BBB_SECRET": "from-the-environment"},
    )

    assert server.secret.reveal() == "from-the-file"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_list_that_others_can_read_is_refused_in_one_sentence(config, mode):
    with pytest.raises(ConfigError, match=r"others: run chmod 600 .*servers\.toml$"):
        resolve("north", environ=config(NORTH, mode))


def test_a_secret_file_that_others_can_read_is_refused(config, tmp_path):
    environ = config(NORTH)
    (tmp_path / "config" / "bbbload" / "north.secret").chmod(0o644)

    with pytest.raises(ConfigError, match="chmod 600"):
        resolve("north", environ=environ)


def test_a_missing_list_is_an_empty_one(tmp_path):
    assert read_servers(tmp_path / "servers.toml") == ()


def test_the_environment_and_a_command_give_secrets_too(config):
    environ = config(
        """
        [servers.a]
        url = "https://a.example/bigbluebutton/"
        secret_env = "A_SECRET"
        [servers.b]
        url = "https://b.example/bigbluebutton/"
        secret_command = "printf %s 'of a command'"
        [servers.c]
        url = "https://c.example/bigbluebutton/"
        secret_command = "printf of-a-command"
        """
    ) | {"A_SECRET": "of-the-environment"}

    assert resolve("a", environ=environ).secret.reveal() == "of-the-environment"
    assert resolve("c", environ=environ).secret.reveal() == "of-a-command"
    with pytest.raises(ConfigError, match="nothing else") as refusal:
        resolve("b", environ=environ)
    assert "of a command" not in str(refusal.value)


def test_a_failing_command_does_not_show_its_output(config):
    environ = config(
        """
        [servers.a]
        url = "https://a.example/bigbluebutton/"
        secret_command = "sh -c 'echo l3aked; exit 1'"
        """
    )

    with pytest.raises(ConfigError, match="secret_command of a failed") as refusal:
        resolve("a", environ=environ)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[servers.a]\nurl = 'https://a/bigbluebutton'", "exactly one of"),
        ("[servers.a]\nsecret_env = 'X'", "url is missing"),
        ("[servers.a]\nurl='https://a/bigbluebutton'\nsecret='x'", "not written here"),
        ("[servers.a]\nurl='https://a/x'\nsecret_env='X'", "/bigbluebutton"),
        ("[servers.a]\nurl='https://a/bigbluebutton'\nsecret_env='X'\nn=1", "'n'"),
        ("[other]\nx = 1", "'other'"),
        ("[servers.a", "no TOML"),
        ("servers = 4", "servers.NAME"),
    ],
)
def test_every_mistake_in_the_list_is_named(config, text, complaint):
    with pytest.raises(ConfigError, match=r"servers\.toml|/bigbluebutton") as mistake:
        resolve("a", environ=config(text))

    assert complaint in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_an_unknown_name_says_which_are_known(config):
    with pytest.raises(ConfigError, match=r"'south'.*known: north.*servers add south"):
        resolve("south", environ=config(NORTH))


@pytest.mark.parametrize(
    "text",
    [
        "https://h.example/bigbluebutton",
        "https://h.example/bigbluebutton/",
        "https://h.example/bigbluebutton/api",
        "https://h.example/bigbluebutton/api/",
        "HTTPS://H.example/bigbluebutton/api/",
        "https://h.example:443/bigbluebutton/",
    ],
)
def test_all_usual_spellings_mean_the_same_server(text):
    assert normalise_url(text) == "https://h.example/bigbluebutton/api"


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("https://h.example/", "/bigbluebutton"),
        ("https://h.example", "/bigbluebutton"),
        ("https://h.example/greenlight/b", "/bigbluebutton"),
        ("h.example/bigbluebutton", "https://h.example/bigbluebutton"),
        ("ftp://h.example/bigbluebutton", "http"),
        (" https://h.example/bigbluebutton", "white space"),
        ("https://h.example/big bluebutton", "white space"),
        ("", "empty"),
        ("https:///bigbluebutton", "no host"),
        ("https://h:port/bigbluebutton", "no URL"),
        ("https://u:p4ss@h.example/bigbluebutton", "fragment"),
        ("https://h.example/bigbluebutton/api/?sharedSecret=h1dden", "query"),
    ],
)
def test_a_bad_address_is_refused_with_the_fix(text, fix):
    with pytest.raises(ConfigError) as mistake:
        normalise_url(text)

    assert fix in str(mistake.value)
    assert "p4ss" not in str(mistake.value)
    assert "h1dden" not in str(mistake.value)


NODES = 'nodes = ["Node1.example.org", "*.nodes.example.org"]\n'
SOUTH = """
[servers.south]
url = "https://south.example/bigbluebutton/"
secret_env = "SOUTH"
"""


def test_a_server_leads_to_its_nodes_and_to_every_other_server_of_the_list(config):
    reach = resolve("north", environ=config(NORTH + NODES + SOUTH)).reach

    for host in ("bbb.example.org", "node1.example.org", "south.example"):
        assert reach.allows(host)
    assert reach.allows("a.nodes.example.org")
    assert not reach.allows("node2.example.org")


def test_nodes_of_one_server_are_no_nodes_of_another(config):
    environ = config(NORTH + NODES + SOUTH) | {"SOUTH": "s3cret-south"}

    assert not resolve("south", environ=environ).reach.allows("node1.example.org")


def test_a_run_without_an_entry_leads_where_allow_host_says(config):
    server = resolve(
        "https://lb.example/bigbluebutton",
        allow_host=("lb.example", "Node9.example"),
        environ=config("") | {"BBB_SECRET": "s3cret"},
    )

    assert server.reach.allows("node9.example")
    assert not server.reach.allows("node8.example")


@pytest.mark.parametrize("nodes", ['"*"', '"https://node1/"', "7"])
def test_a_bad_node_names_the_file_and_the_entry(config, nodes):
    with pytest.raises(ConfigError, match=r"servers\.toml: \[servers\.north\].*nodes"):
        resolve("north", environ=config(f"{NORTH}nodes = [{nodes}]\n"))


def test_a_relative_xdg_folder_is_ignored_as_the_specification_says():
    path = servers_path({"XDG_CONFIG_HOME": "relative", "HOME": "/h"})

    assert path == Path("/h/.config/bbbload/servers.toml")


def test_an_unreadable_list_is_one_sentence(config, tmp_path):
    environ = config(NORTH)
    path = servers_path(environ)
    path.unlink()
    path.mkdir(mode=0o700)

    with pytest.raises(ConfigError, match=r"is no regular file|is a directory"):
        resolve("north", environ=environ)

    path.rmdir()
    os.mkfifo(path, 0o600)
    with pytest.raises(ConfigError, match="is no regular file"):
        resolve("north", environ=environ)
