"""Settings: what is read from where, which key goes to which host, and how a slip is told."""

from pathlib import Path

import pytest

from backend.errors import ConfigurationError
from backend.records import Role
from backend.settings import (
    OPENAI_URL,
    Settings,
    all_settings,
    load_settings,
    unknown_variables,
)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No `.env` but the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_with_nothing_set_every_role_is_local() -> None:
    settings = load_settings()

    assert [settings.endpoint(role).model for role in Role] == [
        "local-teacher",
        "local-student",
        "local-judge",
        "local-embed",
    ]
    assert all(settings.endpoint(role).local for role in Role)


def test_a_key_for_openai_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")

    endpoint = load_settings().endpoint(Role.TEACHER)

    assert (endpoint.base_url, endpoint.api_key, endpoint.local) == (OPENAI_URL, "sk-1", False)
    assert endpoint.key_from == "OPENAI_API_KEY"


def test_a_roles_own_setting_wins_over_the_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENK_BASE_URL", "https://all.example/v1")
    monkeypatch.setenv("TENK_API_KEY", "all")
    monkeypatch.setenv("TENK_JUDGE_BASE_URL", "https://judge.example/v1/")
    monkeypatch.setenv("TENK_JUDGE_API_KEY", "own")
    monkeypatch.setenv("TENK_JUDGE_MODEL", "j")
    monkeypatch.setenv("TENK_TEACHER_MODEL", "t")

    judge, teacher = (load_settings().endpoint(role) for role in (Role.JUDGE, Role.TEACHER))

    assert (judge.base_url, judge.api_key) == ("https://judge.example/v1", "own")
    assert (teacher.base_url, teacher.api_key) == ("https://all.example/v1", "all")


def test_the_environment_wins_over_the_file(
    in_an_empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_an_empty_folder / ".env").write_text(
        "TENK_TIMEOUT=5\nTENK_RETRIES=1\nOPENAI_API_KEY=sk-file\n", encoding="utf-8"
    )
    monkeypatch.setenv("TENK_TIMEOUT", "7")

    settings = load_settings()

    assert (settings.timeout, settings.retries) == (7.0, 1)
    assert settings.endpoint(Role.TEACHER).api_key == "sk-file"


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENK_TIMEOUT", "7")

    assert load_settings(timeout=9).timeout == 9.0


def test_a_variable_set_to_nothing_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENK_TIMEOUT", "")
    monkeypatch.setenv("TENK_BASE_URL", "")

    assert load_settings().timeout == 60.0


def test_one_role_can_stay_local_while_the_others_go_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("TENK_EMBED_BASE_URL", "local")

    settings = load_settings()

    assert settings.endpoint(Role.EMBED).local
    assert not settings.endpoint(Role.TEACHER).local


def test_a_local_models_name_keeps_the_role_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("TENK_STUDENT_MODEL", "local-student")

    assert load_settings().endpoint(Role.STUDENT).local


def test_a_key_is_not_sent_to_a_host_it_was_not_set_beside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("TENK_BASE_URL", "https://all.example/v1")
    monkeypatch.setenv("TENK_API_KEY", "all")
    monkeypatch.setenv("TENK_JUDGE_BASE_URL", "https://judge.example/v1")
    for role in Role:
        monkeypatch.setenv(f"TENK_{role.upper()}_MODEL", "x")

    settings = load_settings()

    assert settings.endpoint(Role.JUDGE).api_key is None
    assert settings.endpoint(Role.TEACHER).api_key == "all"


def test_a_key_for_all_goes_to_a_roles_own_address_where_no_other_is_set() -> None:
    settings = load_settings(
        api_key="k", teacher_base_url="https://t.example/v1", teacher_model="x"
    )

    assert settings.endpoint(Role.TEACHER).api_key == "k"


def test_openais_key_goes_to_openais_address_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://proxy.example/v1")
    monkeypatch.setenv("TENK_TEACHER_MODEL", "x")

    endpoint = load_settings().endpoint(Role.TEACHER)

    assert (endpoint.base_url, endpoint.api_key) == ("https://proxy.example/v1", "k")


def test_another_server_without_a_model_name_says_which_variable_is_missing() -> None:
    settings = load_settings(base_url="https://all.example/v1")

    with pytest.raises(ConfigurationError, match="TENK_EMBED_MODEL is not set"):
        settings.endpoint(Role.EMBED)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("TENK_TIMEOUT", "soon", "a valid number"),
        ("TENK_TIMEOUT", "0", "greater than 0"),
        ("TENK_TIMEOUT", "nan", "finite"),
        ("TENK_RETRIES", "-1", "greater than or equal to 0"),
        ("TENK_PASSAGES", "1.5", "a valid integer"),
        ("TENK_SUFFIX", "s" * 65, "expected at most 64 characters"),
        ("TENK_PRICES", "cheap", "JSON"),
        ("TENK_PRICES", '{"m": [1]}', "TENK_PRICES"),
        ("TENK_PRICES", '{"m": [-1, 2]}', "greater than or equal to 0"),
        ("TENK_BASE_URL", "api.example.com/v1", "https://host/v1"),
        ("TENK_BASE_URL", "ftp://api.example.com", "https://host/v1"),
        ("TENK_BASE_URL", "https://", "https://host/v1"),
        ("TENK_BASE_URL", "https://[::1", "TENK_BASE_URL"),
        ("TENK_BASE_URL", "https://a.example/v1/chat/completions", "https://a.example/v1"),
        ("TENK_API_KEY", "two words", "no space inside"),
        ("OPENAI_API_KEY", "schlüssel", "plain letters"),
        ("OPENAI_BASE_URL", "nowhere", "OPENAI_BASE_URL"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable(
    variable: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    assert variable in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_that_is_refused_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENK_API_KEY", "se cret")

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    assert "cret" not in str(caught.value)


def test_keys_are_not_shown_with_the_settings() -> None:
    settings = load_settings(api_key="hush", judge_api_key="hush", teacher_model="x")

    assert "hush" not in repr(settings)
    assert "hush" not in repr(settings.endpoint(Role.TEACHER))


def test_a_home_that_is_a_file_is_refused(in_an_empty_folder: Path) -> None:
    (in_an_empty_folder / "file").write_text("", encoding="utf-8")

    with pytest.raises(ConfigurationError, match="TENK_HOME"):
        load_settings(home=in_an_empty_folder / "file")


def test_a_file_of_settings_that_is_not_text_is_one_line(in_an_empty_folder: Path) -> None:
    (in_an_empty_folder / ".env").write_bytes(b"TENK_HOME=\xff\xfe\n")

    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_settings()


def test_every_setting_says_what_it_means() -> None:
    told = all_settings()

    assert len(told) == len(Settings.model_fields)
    assert [described.variable for described in told if not described.meaning] == []


def test_a_slip_of_the_pen_is_found_with_the_name_that_was_meant() -> None:
    found = unknown_variables(["TENK_TEACHER_MODLE", "TENK_HOME", "PATH", "OPENAI_API_KEY"])

    assert len(found) == 1
    assert "TENK_TEACHER_MODEL" in found[0]


def test_a_slip_of_the_pen_in_the_file_is_found_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("TENK_SHEDULE=off\nTENK_HOME=x\n", encoding="utf-8")
    monkeypatch.setenv("TENK_SHEDULE", "off")  # once in each is one slip
    monkeypatch.setenv("TENK_BANANA", "1")

    found = unknown_variables()

    assert found == [
        "TENK_BANANA is set, but no setting has that name.",
        "TENK_SHEDULE is set, but no setting has that name; did you mean TENK_SCHEDULE?",
    ]
