"""The log's second net: what it masks, what it leaves readable, and that no record gets past it."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain.secret import Secret
from fairlead.security.redaction import CREDENTIAL_NAMES, MASK, MIN_SECRET, Redactor, forms, install

CANARY = 'sk-canary "q"/+é\\0123456789'


class Log:
    """A logger of its own with one stream handler."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        self.logger = logging.Logger("tests.redaction", logging.DEBUG)
        self.handler = logging.StreamHandler(self.out)
        self.logger.addHandler(self.handler)

    @property
    def text(self) -> str:
        return self.out.getvalue()


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    install(log.logger).register(Secret(CANARY))
    yield log
    log.handler.close()


SPELLINGS = {
    "plain": CANARY,
    "json": json.dumps(CANARY)[1:-1],
    "json, not ASCII": json.dumps(CANARY, ensure_ascii=False)[1:-1],
    "repr": repr(CANARY)[1:-1],
    "percent-encoded": quote(CANARY, safe=""),
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "base64url": base64.urlsafe_b64encode(CANARY.encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_a_registered_secret_is_masked_in_each_spelling(log: Log, spelling: str) -> None:
    log.logger.info(f"sent {spelling} to the provider")
    assert spelling not in log.text
    assert log.text.startswith(f"sent {MASK}")
    assert log.text.endswith("to the provider\n")


def test_a_secret_in_the_arguments_is_masked(log: Log) -> None:
    log.logger.info("%s, %d, %s", CANARY, 3, "plain")
    log.logger.info("%(key)s", {"key": CANARY})
    log.logger.info("%r", CANARY.encode())
    log.logger.info("%s", {"nested": [CANARY]})
    assert log.text == f"{MASK}, 3, plain\n{MASK}\n{MASK!r}\n{{'nested': ['{MASK}']}}\n"


def test_a_secret_put_together_only_by_formatting_is_masked(log: Log) -> None:
    log.logger.info(CANARY[:9] + "%s", CANARY[9:])
    assert log.text == f"{MASK}\n"


class Holder:
    def __str__(self) -> str:
        return f"holder of {CANARY}"


def test_a_secret_in_an_objects_text_is_masked(log: Log) -> None:
    log.logger.info("%s", Holder())
    log.logger.info(Holder())
    assert log.text == f"holder of {MASK}\n" * 2


def test_a_secret_in_a_traceback_and_its_causes_is_masked(log: Log) -> None:
    try:
        try:
            raise ValueError(f"inner {CANARY}")
        except ValueError as fault:
            raise RuntimeError(f"outer {CANARY}") from fault
    except RuntimeError:
        log.logger.exception("failed")
    assert CANARY not in log.text
    assert f"RuntimeError: outer {MASK}" in log.text
    assert f"ValueError: inner {MASK}" in log.text


def test_a_formatter_of_its_own_mind_gets_no_exception_with_a_secret() -> None:
    record = logging.makeLogRecord({"msg": "failed", "exc_info": (ValueError, ValueError(CANARY), None)})
    Redactor([Secret(CANARY)]).filter(record)
    assert record.exc_info is None
    assert record.exc_text == f"ValueError: {MASK}"


def test_an_exception_without_a_secret_stays_as_it_is() -> None:
    fault = (ValueError, ValueError("nothing to hide"), None)
    record = logging.makeLogRecord({"msg": "failed", "exc_info": fault})
    Redactor([Secret(CANARY)]).filter(record)
    assert record.exc_info == fault


def test_extra_fields_and_stacks_are_masked() -> None:
    record = logging.makeLogRecord({"msg": "m", "stack_info": f"stack {CANARY}", "header": CANARY, "size": 3})
    Redactor([Secret(CANARY)]).filter(record)
    assert (record.stack_info, record.__dict__["header"], record.__dict__["size"]) == (f"stack {MASK}", MASK, 3)


def test_clean_arguments_keep_their_places_and_types() -> None:
    args = ("127.0.0.1:1", "GET", "/", "1.1", 200)
    record = logging.makeLogRecord({"msg": '%s - "%s %s HTTP/%s" %d', "args": args})
    Redactor([Secret(CANARY)]).filter(record)
    assert record.args == args


def test_one_masked_argument_leaves_the_others_in_their_places() -> None:
    """uvicorn's access formatter takes the five arguments apart itself."""
    args = ("127.0.0.1:1", "GET", f"/?k={quote(CANARY, safe='')}", "1.1", 200)
    record = logging.makeLogRecord({"msg": '%s - "%s %s HTTP/%s" %d', "args": args})
    Redactor([Secret(CANARY)]).filter(record)
    assert record.args == ("127.0.0.1:1", "GET", f"/?k={MASK}", "1.1", 200)


def test_a_broken_logging_call_shows_no_secret(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    log.logger.info("%d %s", CANARY)
    shown = log.text + capsys.readouterr().err
    assert "Logging error" in shown
    assert CANARY not in shown


@pytest.mark.parametrize("name", CREDENTIAL_NAMES)
@pytest.mark.parametrize(
    "written",
    [
        "{name}: hunter2-hunter2",
        "{NAME}: Bearer hunter2-hunter2",
        "{{'{name}': 'hunter2-hunter2', 'Accept': 'x'}}",
        '{{"{name}": "hunter2-hunter2", "Accept": "x"}}',
        "(b'{name}', b'hunter2-hunter2')",
        "{name}=hunter2-hunter2&limit=3",
        '{{\\"{name}\\": \\"hunter2-hunter2\\"}}',
    ],
)
def test_what_stands_where_a_credential_stands_is_masked_unregistered(name: str, written: str) -> None:
    text = written.format(name=name, NAME=name.upper())
    masked = Redactor().mask(text)
    assert "hunter2" not in masked
    assert MASK in masked
    assert ("limit=3" in masked) == ("limit=3" in text)
    assert ("Accept" in masked) == ("Accept" in text)


def test_a_signature_with_blanks_and_commas_is_masked_to_its_end() -> None:
    value = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261125/r/s/aws4_request, SignedHeaders=host, Signature=0a1b2c"
    assert Redactor().mask(f"Authorization: {value}\nAccept: x") == f"Authorization: {MASK}\nAccept: x"


def test_a_scheme_with_a_long_token_is_masked_anywhere() -> None:
    assert Redactor().mask("got Bearer abcdefghijklmnopqrstuvwxyz.1-2_3 back") == f"got Bearer {MASK} back"


def test_user_information_in_a_url_is_masked() -> None:
    assert Redactor().mask("dialled https://me:hunter2@host.example/a@b") == f"dialled https://{MASK}@host.example/a@b"


@pytest.mark.parametrize(
    "text",
    [
        "basic authentication is off",
        "the api keys of 3 connectors were rotated",
        "GET /_plugins/_ml/models/abc/_predict?size=3",
        "unauthorized: no such user",
        "Error communicating with remote model: Connection refused: api.openai.com:443",
        "",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert Redactor([Secret(CANARY)]).mask(text) == text


def test_a_short_text_is_not_taken_as_a_secret() -> None:
    redactor = Redactor([Secret("x" * (MIN_SECRET - 1))])
    assert redactor.mask("xxxxxxxxxx") == "xxxxxxxxxx"


def test_the_secret_registered_longest_ago_is_forgotten_first() -> None:
    first, second, third = (Secret(f"secret-number-{n}") for n in range(3))
    redactor = Redactor(max_secrets=2)
    redactor.register(first, second)
    redactor.register(first)
    redactor.register(third)
    shown = redactor.mask("secret-number-0 secret-number-1 secret-number-2")
    assert shown == f"{MASK} secret-number-1 {MASK}"


def test_of_two_secrets_the_longer_is_masked_whole() -> None:
    redactor = Redactor([Secret("abcdefgh"), Secret("abcdefgh-ijkl")])
    assert redactor.mask("<abcdefgh-ijkl> <abcdefgh>") == f"<{MASK}> <{MASK}>"


def test_installing_twice_changes_nothing_and_gives_the_same_redactor() -> None:
    log = Log()
    first = install(log.logger)
    assert install(log.logger) is first
    assert log.handler.filters == [first]
    assert log.logger.filters == [first]


def test_records_of_child_loggers_are_masked_at_the_parents_handler(log: Log) -> None:
    child = logging.Logger("tests.redaction.child", logging.DEBUG)
    child.parent = log.logger
    child.info("key %s", CANARY)
    assert log.text == f"key {MASK}\n"


def test_the_redactor_shows_no_secret_of_its_own() -> None:
    assert repr(Redactor([Secret(CANARY)])) == "Redactor(1 secrets)"


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_characters=MASK), min_size=MIN_SECRET), st.text(), st.text())
def test_whatever_stands_around_it_a_secret_is_masked(secret: str, before: str, after: str) -> None:
    masked = Redactor([Secret(secret)]).mask(before + secret + after)
    assert secret not in masked
    assert MASK in masked


@settings(max_examples=60, deadline=None)
@given(st.text())
def test_every_spelling_of_a_text_is_found_by_its_forms(text: str) -> None:
    assert {text, json.dumps(text)[1:-1], repr(text)[1:-1]} <= set(forms(text))
