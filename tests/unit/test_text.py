"""Texts as they may be shown: on one line, and without secrets."""

import pytest

from qplug.text import masked, printable

GIVEN = {
    "an option": "password=hunter2 is wrong",
    "an option in quotes": "password='hunter2 or so' is wrong",
    "quotes within quotes": r"password='it\'s hunter2' is wrong",
    "quotes that nothing ends": "password='hunter2\nor so",
    "an option of several words": "os_admin_password_2 = hunter2",
    "old words": "adminPass=hunter2, passwd=hunter2, pwd=hunter2",
    "keys": "api_key=hunter2 apikey: hunter2 private-key=hunter2",
    "a line of YAML": "password: hunter2",
    "an argument": "run --os-password hunter2 again",
    "a query": "GET /v2.0/ports?fields=id&token=hunter2",
    "JSON": '{"auth": {"password": "hunter2", "token":"hunter2"}}',
    "JSON in JSON": r'{"body": "{\"password\": \"hunter2\"}"}',
    "bytes": "{b'password': b'hunter2'}",
    "a header": "X-Auth-Token: hunter2",
    "headers in a dict": "{'X-Auth-Token': 'hunter2', 'X-Subject-Token': 'hunter2'}",
    "headers in a list": "[(b'x-auth-token', b'hunter2'), (b'Authorization', b'Basic hunter2')]",
    "a header of two words": "authorization: Bearer hunter2",
    "a cookie": "Set-Cookie: a=hunter2; b=hunter2",
    "a URL": "postgresql+psycopg://qplug:hunter2@db/qplug",
    "a URL with a strange password": "mysql://qplug:/hunter2@hunter2@db/qplug",
    "a URL without a user": "redis://:hunter2@cache",
    "several URLs": "amqp://a:hunter2@one,amqp://b:hunter2@two",
}


@pytest.mark.parametrize("text", GIVEN.values(), ids=GIVEN)
def test_secrets_are_masked(text: str) -> None:
    assert "hunter2" in text
    assert "hunter2" not in masked(text)
    assert masked(masked(text)) == masked(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a 'password': 'x' of 'blue'; see 'help'", "a 'password': *** of 'blue'; see 'help'"),
        ("mysql://qplug:x@db/qplug: gone", "mysql://qplug:***@db/qplug: gone"),
        ("Authorization: Basic x\nHost: y", "Authorization: ***\nHost: y"),
    ],
)
def test_what_stands_around_a_secret_stays(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "no network is called 'token'; see 'qplug network list'",
        "'fa:16:3e:00:00:01' has passed: 3 tokens, as the secretary says: no",
        "http://127.0.0.1:9696/v2.0/ports?device_id=5b0f2c1e at 10:30",
        "Access denied for user 'qplug'@'localhost' (using password: YES)",
        'FATAL:  password authentication failed for user "qplug"',
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    "piece", ["a", "-", "--", "password", "password='", "://a:", "pass_", "\\"]
)
def test_no_text_takes_long_to_mask(piece: str) -> None:
    """Of a hundred thousand characters: a pattern that goes back and forth would take hours."""
    text = piece * (100_000 // len(piece))
    assert len(masked(text)) <= len(text) + 3


def test_what_breaks_the_line_or_the_terminal_is_escaped() -> None:
    assert printable("a\nb\x1b[31m\u2028\udcff b\xfcro") == "a\\nb\\x1b[31m\\u2028\\udcff b\xfcro"
