"""The one place that redacts, against every form a credential takes on BBB's wires."""

import pickle

import pytest

from bots.redaction import Secret, redact


def test_a_secret_never_shows_itself_in_text():
    secret = Secret("kX93-very-private")

    assert f"{secret} {secret!r} {secret:>20}" == "<secret> <secret> <secret>"
    assert "private" not in str([secret]) + "%s" % {"a": secret}  # noqa: UP031


def test_a_secret_does_not_travel_between_processes():
    with pytest.raises(TypeError, match="travel"):
        pickle.dumps(Secret("kX93-very-private"))


def test_a_secret_once_held_is_removed_from_any_text():
    secret = Secret("a+b/c=known value")

    text = redact(f"create{secret.reveal()} a%2Bb%2Fc%3Dknown%20value")

    assert text == "create<secret> <secret>"


@pytest.mark.parametrize(
    ("text", "leak"),
    [
        ("GET /api/create?name=a&checksum=da9185f7f333cf&x=1", "da9185f7f333cf"),
        ("https://h/html5client/?sessionToken=abcdEFGH12345678", "abcdEFGH12345678"),
        ("Cookie: JSESSIONID=0A1B2C3D4E; Path=/", "0A1B2C3D4E"),
        ("<auth_token>a1b2c3d4e5f6</auth_token>", "a1b2c3d4e5f6"),
        ("<session_token>tok-1234</session_token>", "tok-1234"),
        ('{"authToken":"a1b2c3","x":1}', "a1b2c3"),
        ('{"authToken": "with \\" quote"}', "quote"),
        ("{'password': 'hunter two'}", "hunter two"),
        ("x-session-token: t0ken", "t0ken"),
        ("attendeePW=ap77&moderatorPW=mp88", "mp88"),
        ("a=ice-pwd:0123456789abcdefghijkl\r\n", "0123456789abcdefghijkl"),
        ("Authorization: Bearer abc.def.ghi", "abc.def.ghi"),
        ("turn url turn:x credential=qqqq1", "qqqq1"),
        ("https://admin:pass1@host/bigbluebutton", "pass1"),
        ("checksum%3Dda9185f7", "da9185f7"),
        ("learning-dashboard?accessToken=fh1y8kb", "fh1y8kb"),
        ("Secret: 639259d49dd84b25", "639259d49dd84b25"),
    ],
)
def test_what_looks_like_a_credential_is_removed(text, leak):
    assert leak in text

    assert leak not in redact(text)


def test_ordinary_text_is_left_alone():
    text = "join of participant 4 took 2.31 s; BBB's secretary asked for tokens: none=0"

    assert redact(text) == text


def test_redacting_twice_changes_nothing_more():
    once = redact('{"sessionToken":"abc"} checksum=12ab&x=1 <password>p</password>')

    assert redact(once) == once
