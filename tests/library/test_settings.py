"""Settings: a wrong one is named, a secret one never shown."""

import pickle
from pathlib import Path

import pytest

from ami_console.errors import SettingsError
from ami_console.settings import Secret, Settings


def settings(**variables: str) -> Settings:
    named = {f"AMI_CONSOLE_{name}": value for name, value in variables.items()}
    return Settings.from_environment(named, dotenv=None)


def test_defaults() -> None:
    plain = settings()
    assert plain.antenna_url.reveal() == "http://localhost:8000"
    assert plain.antenna_timezone.key == "America/New_York"
    assert plain.every_s == 2.0
    assert plain.recording == Path("recordings")
    assert not plain.allow_actions


def test_an_empty_monitor_address_means_the_api() -> None:
    assert not settings(NATS_MONITOR_URL="").nats_monitor_url


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ANTENNA_URL", "antenna.example", "http:// or https://"),
        ("REDIS_URL", "http://:hunter2@redis", "redis://"),
        ("NATS_URL", "nats://host:99999", "nats://"),
        ("EVERY_S", "often", "a number of seconds"),
        ("EVERY_S", "0", "a number of seconds"),
        ("EVERY_S", "nan", "a number of seconds"),
        ("ANTENNA_TIMEZONE", "Mars/Olympus", "IANA"),
        ("ANTENNA_TIMEZONE", "../../etc/passwd", "IANA"),
        ("PROJECT", "moths", "number of a project"),
        ("ALLOW_ACTIONS", "perhaps", "true or false"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**{name: value})
    assert f"AMI_CONSOLE_{name}" in str(caught.value)
    assert allowed in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_misspelt_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="AMI_CONSOLE_ANTENA_URL"):
        settings(ANTENA_URL="http://localhost")


def test_secrets_do_not_show() -> None:
    held = settings(
        ANTENNA_TOKEN="hunter2",
        NATS_PASSWORD="hunter2",
        NATS_TOKEN="hunter2",
        REDIS_URL="redis://me:hunter2@host:6379/1",
        NATS_URL="nats://me:hunter2@host:4222",
        ANTENNA_URL="https://me:hunter2@host/?token=hunter2",
    )
    shown = f"{held!r} {held} {held.redis_url} {held.nats_url!r} {held.antenna_url.shown}"
    assert "hunter2" not in shown
    assert held.antenna_token.reveal() == "hunter2"
    with pytest.raises(TypeError):
        pickle.dumps(Secret("hunter2"))


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("AMI_CONSOLE_EVERY_S=5\nAMI_CONSOLE_PROJECT=7\n")
    held = Settings.from_environment({"AMI_CONSOLE_EVERY_S": "3"}, dotenv=dotenv)
    assert (held.every_s, held.project) == (3.0, 7)


@pytest.mark.parametrize(
    "address", ["redis://user:12/34@host:6379/0", "redis://u:1#x@host", "redis://u:a?b@host/0"]
)
def test_a_password_that_ends_the_host_too_soon_is_refused_and_not_repeated(address: str) -> None:
    """Somebody's password has a slash in it; the half before it would be taken for the host."""
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({"AMI_CONSOLE_REDIS_URL": address}, dotenv=None)
    assert "%2F" in str(refused.value)
    assert address.partition("@")[0][-4:] not in str(refused.value)


def test_the_path_of_a_webhook_may_hold_an_at_sign() -> None:
    """Teams makes such."""
    hook = "https://hooks.example.org/workflows/abc@def/run"
    settings = Settings.from_environment({"AMI_CONSOLE_ALERT_WEBHOOK": hook}, dotenv=None)
    assert settings.alert_webhook.reveal() == hook
