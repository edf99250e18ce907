"""Process settings: flags over environment over file, every one documented, faults that name the source."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fairlead.cli.settings_sources import SettingsError, hide, load, unknown_variables
from fairlead.settings import DOCS, FLAGS, NAMES, SECRETS, Settings, is_loopback

CANARY = "canary-7f3a"


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "fairlead.toml"
    file.write_text(text, "utf-8")
    return file


def refused(
    flags: dict[str, Any] | None = None, environment: dict[str, str] | None = None, file: Path | None = None
) -> str:
    with pytest.raises(SettingsError) as caught:
        load(flags or {}, environment or {}, file)
    return str(caught.value)


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_anything_the_defaults_count() -> None:
    assert load({}, {}, None) == Settings()
    assert Settings().host == "127.0.0.1"


def test_a_flag_wins_over_the_environment_and_this_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'port = 1\nnode_name = "file"\nworkers = 2\n')
    found = load(
        {"port": 3}, {"FAIRLEAD_PORT": "2", "FAIRLEAD_NODE_NAME": "env", "PORT": "9", "fairlead_port": "9"}, file
    )
    assert (found.port, found.node_name, found.workers) == (3, "env", 2)


def test_a_file_in_the_working_directory_is_read_unasked_and_a_named_one_must_exist(tmp_path: Path) -> None:
    written(tmp_path, "port = 7\n")
    assert load({}, {}, None).port == 7
    assert "none.toml cannot be read" in refused(file=tmp_path / "none.toml")


def test_every_setting_is_documented_and_every_flag_is_a_setting() -> None:
    assert list(DOCS) == list(NAMES) == [f.name for f in dataclasses.fields(Settings)]
    assert all(text.endswith(".") for text in DOCS.values())
    assert set(FLAGS) <= set(NAMES)


def test_no_secret_is_a_flag() -> None:
    assert not {"master_key", "master_key_file"} & set(FLAGS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("1", True),
        ("YES", True),
        ("on", True),
        ("false", False),
        ("0", False),
        ("No", False),
        ("off", False),
    ],
)
def test_a_boolean_has_several_words(text: str, value: bool) -> None:
    assert load({}, {"FAIRLEAD_SIMULATE": text}, None).simulate is value


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("port = true", "port: True is not a whole number"),
        ("port = 5.7", "port: 5.7 is not a whole number"),
        ('port = "many"', "port: 'many' is not a whole number"),
        ("port = [1]", "port: [1] is not a whole number"),
        ("body_timeout = 'soon'", "body_timeout: 'soon' is not a number"),
        ("host = true", "host: True is not a text"),
        ("host = ['a']", "host: ['a'] is not a text"),
        ("simulate = 'maybe'", "simulate: 'maybe' is not true or false"),
        ("transport = 'curl'", "transport: 'curl' is not aiohttp or owned"),
        ("key_service = 'valt'", "key_service: 'valt' is not empty or vault or aws_kms"),
        ("data_dir = 5", "data_dir: 5 is not a text"),
        ("prot = 1", "unknown setting 'prot'; did you mean 'port'?"),
        ("zzzzzzz = 1", "unknown setting 'zzzzzzz'"),
        ("port =", "is not valid TOML"),
        ("[section]\nport = 1", "unknown setting 'section_port'"),
        ("[tls]\nreload_seconds = 'soon'", "tls_reload_seconds: 'soon' is not a number"),
        ("trusted_proxies = [1]", "trusted_proxies: [1] is not a list of texts"),
    ],
)
def test_a_fault_in_the_file_names_the_file_the_setting_and_what_would_do(
    tmp_path: Path, line: str, problem: str
) -> None:
    text = refused(file=written(tmp_path, line))
    assert "fairlead.toml" in text
    assert problem in text


def test_a_variable_that_is_no_setting_is_told_by_name_and_near_setting_and_never_by_value() -> None:
    environment = dict.fromkeys(("FAIRLEAD_TLS_CERTIFICAT", "FAIRLEAD_ZZZZZZZ", "FAIRLEAD_PORT", "PATH"), "canary")
    assert unknown_variables(environment) == [
        "environment variable FAIRLEAD_TLS_CERTIFICAT is no setting and means nothing; "
        "did you mean FAIRLEAD_TLS_CERTIFICATE?",
        "environment variable FAIRLEAD_ZZZZZZZ is no setting and means nothing",
    ]
    assert unknown_variables({f"FAIRLEAD_{name.upper()}": "canary" for name in NAMES}) == []


def test_a_fault_names_the_variable_or_the_flag() -> None:
    assert (
        refused(environment={"FAIRLEAD_PORT": "x"}) == "environment variable FAIRLEAD_PORT: 'x' is not a whole number"
    )
    assert refused(flags={"log_level": True}) == "flag --log-level: True is not a text"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("port", -1, "port must be at least 0"),
        ("port", 65536, "port must be at most 65535"),
        ("workers", -1, "workers must be at least 0"),
        ("max_body_bytes", 0, "max_body_bytes must be at least 1"),
        ("body_timeout", 0, "body_timeout must be more than 0 and finite"),
        ("total_timeout", "inf", "total_timeout must be more than 0 and finite"),
        ("pool_timeout", "nan", "pool_timeout must be more than 0 and finite"),
        ("log_level", "loud", "log_level must be one of debug, info, warning, error, critical"),
    ],
)
def test_a_value_out_of_bounds_is_refused(name: str, value: Any, problem: str) -> None:
    assert refused(flags={name: value}) == problem


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("127.8.8.8", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_the_simulator_answers_only_on_a_loopback_host(host: str, allowed: bool) -> None:
    assert is_loopback(host) is allowed
    if allowed:
        assert load({"host": host, "simulate": True}, {}, None).simulate
    else:
        assert refused(flags={"host": host, "simulate": True}).startswith("simulate works only on a loopback host")


def test_the_store_is_sqlite_in_the_data_directory_unless_named(tmp_path: Path) -> None:
    assert load({"data_dir": "d"}, {}, None).store_url == f"sqlite:///{tmp_path / 'd' / 'fairlead.db'}"
    assert load({"store": "postgresql://h/d"}, {}, None).store_url == "postgresql://h/d"


def test_no_key_and_no_password_shows_in_settings_or_faults(tmp_path: Path) -> None:
    store = f"postgresql://user:{CANARY}@h/d"
    shown = repr(load({}, {"FAIRLEAD_MASTER_KEY": CANARY, "FAIRLEAD_STORE": store}, None))
    assert CANARY not in shown
    assert "master_key='***'" in shown
    assert "store='postgresql://***@h/d'" in shown
    for line in (f"master_key = {{a = '{CANARY}'}}", f"store = ['{store}']", f"master_key = '{CANARY}'\nport = 'x'"):
        assert CANARY not in refused(file=written(tmp_path, line))
    assert "master_key=''" in repr(Settings())


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    value=st.text(st.characters(), max_size=8) | st.sampled_from(["1e999", "9" * 400, "-0", "\x00"]),
)
def test_any_text_is_a_setting_or_a_settings_error(name: str, value: str) -> None:
    try:
        found: Settings | str = load({}, {f"FAIRLEAD_{name.upper()}": value}, None)
    except SettingsError as fault:
        found = str(fault)
    assert isinstance(found, Settings) or name in found.lower()


def test_a_password_of_the_store_is_refused_on_the_command_line_and_not_repeated() -> None:
    text = refused({"store": f"postgresql://u:{CANARY}@db/x"}, {})
    assert "a password on a command line is seen by every process; set FAIRLEAD_STORE" in text
    assert CANARY not in text
    assert load({"store": "postgresql://u@db/x"}, {}, None).store == "postgresql://u@db/x"
    assert load({}, {"FAIRLEAD_STORE": f"postgresql://u:{CANARY}@db/x"}, None).store.endswith("@db/x")


def test_secrets_leave_the_environment_once_they_are_read() -> None:
    environment = {"FAIRLEAD_MASTER_KEY": CANARY, "FAIRLEAD_STORE": CANARY, "FAIRLEAD_PORT": "1", "HOME": "x"}
    hide(environment)
    assert environment == {"FAIRLEAD_PORT": "1", "HOME": "x"}


def test_no_secret_is_shown_by_the_settings_or_is_a_flag() -> None:
    given = Settings(**dict.fromkeys(SECRETS, CANARY))
    assert CANARY not in repr(given)
    assert not set(SECRETS) & set(FLAGS)
