"""Adding and removing servers: the secret goes to a file of its own only."""

import stat

import pytest
from click.testing import CliRunner

from bots.errors import ConfigError
from bots.servers import Secret, read_servers, resolve
from loadtest.cli import run_command
from loadtest.commands.servers import servers
from loadtest.server_list import add_server, read_bbb_conf, remove_server

OUTPUT = """
    URL: https://bbb.example.org/bigbluebutton/
    Secret: k0nfidential-9f3

    Link to the API-Mate:
    https://mconf.github.io/api-mate/#server=https://x/&sharedSecret=k0nfidential-9f3
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bbbload" / "servers.toml"


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_address_and_secret_are_taken_and_the_link_is_dropped():
    url, secret = read_bbb_conf(OUTPUT)

    assert url == "https://bbb.example.org/bigbluebutton/api"
    assert secret.reveal() == "k0nfidential-9f3"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Secret: k0nfidential-9f3",
        "URL: https://a.example/bigbluebutton/",
        OUTPUT + OUTPUT,
    ],
)
def test_anything_else_is_refused_without_showing_it(text):
    with pytest.raises(ConfigError, match="bbb-conf --secret") as mistake:
        read_bbb_conf(text)

    assert "k0nfidential" not in str(mistake.value)


def test_an_added_server_can_be_used_by_name(path, tmp_path):
    add_server("north", *read_bbb_conf(OUTPUT), metrics_urls=("http://m/",), path=path)

    server = resolve("north", environ={"XDG_CONFIG_HOME": str(tmp_path)})
    assert server.secret.reveal() == "k0nfidential-9f3"
    assert server.metrics_urls == ("http://m/",)
    assert "k0nfidential" not in path.read_text()
    assert mode_of(path) == mode_of(path.with_name("north.secret")) == 0o600


def test_a_balancer_is_added_with_its_nodes(path, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    given = ["add", "east", "-", "--node", "*.Nodes.example.org", "--node", "n1"]
    added = CliRunner().invoke(servers, given, input=OUTPUT)
    listed = CliRunner().invoke(servers, ["list"])

    assert added.exit_code == 0, added.output
    assert "nodes *.nodes.example.org, n1" in listed.output
    reach = resolve("east", environ={"XDG_CONFIG_HOME": str(tmp_path)}).reach
    assert reach.allows("a.nodes.example.org")
    assert not reach.allows("elsewhere.example")


def test_other_lines_of_the_file_stay_as_they_are(path):
    path.parent.mkdir()
    text = (
        '# our list\n[servers.south]  # old\nurl = "https://s.example/bigbluebutton"\n'
        'secret_env = "S"\n'
    )
    path.write_text(text)
    path.chmod(0o600)
    add_server(
        "north.1", "https://n.example/bigbluebutton/api", Secret("s3cr3t"), path=path
    )

    assert path.read_text().startswith(text)
    remove_server("north.1", path)
    assert path.read_text().rstrip() == text.rstrip()
    assert not path.with_name("north.1.secret").exists()
    remove_server("south", path)
    assert read_servers(path) == ()
    assert path.read_text().startswith("# our list")


def test_a_name_that_is_taken_or_bad_changes_nothing(path):
    add_server("north", *read_bbb_conf(OUTPUT), path=path)
    before = path.read_text()

    with pytest.raises(ConfigError, match="already"):
        add_server("north", *read_bbb_conf(OUTPUT), path=path)
    with pytest.raises(ConfigError, match="no name"):
        add_server("../north", *read_bbb_conf(OUTPUT), path=path)
    with pytest.raises(ConfigError, match="known: north"):
        remove_server("south", path)
    assert path.read_text() == before


def test_a_file_written_in_another_way_is_left_to_its_owner(path):
    path.parent.mkdir()
    path.write_text(
        '[servers]\nnorth = {url="https://n.example/bigbluebutton", secret_env="N"}\n'
    )
    path.chmod(0o600)
    before = path.read_text()

    with pytest.raises(ConfigError, match="by hand"):
        remove_server("north", path)
    assert path.read_text() == before
    assert [p.name for p in path.parent.iterdir()] == ["servers.toml"]


def test_the_command_adds_lists_and_removes_without_showing_the_secret(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    source = tmp_path / "bbb-conf.txt"
    source.write_text(OUTPUT)
    with source.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        codes = [run_command(["servers", "add", "north", "-"])]
    codes.append(run_command(["servers", "list"]))
    codes.append(run_command(["servers", "remove", "north"]))
    codes.append(run_command(["servers", "add", "north", "k0nfidential-9f3"]))

    out, err = capfd.readouterr()
    assert codes == [0, 0, 0, 2]
    assert "north  https://bbb.example.org/bigbluebutton/api  secret_file" in out
    assert "k0nfidential" not in (out + err).replace("'k0nfidential-9f3' is not -", "")
