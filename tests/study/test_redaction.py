"""No password of any storage address survives, in whatever form it appears."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.redaction import redact


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://anna:hunter22@db:5432/payoff",
        "postgresql+psycopg2://anna:hunter22@db/payoff?sslmode=require",
        "mysql://anna:hunter22/with/slashes@db/payoff",
        "mysql://anna:hunter22@with@signs@db/payoff",
        "postgresql://anna:%68unter22@db/payoff and hunter22",
        "https://anna:hunter22@mlflow.example.org/path",
        "https://hunter22@mlflow.example.org/path",
        "postgresql://db/payoff?user=anna&password=hunter22",
        "https://mlflow.example.org/?access_token=hunter22&x=1",
        "https://bucket.example.org/?X-Amz-Signature=1&sig=hunter22",
        "host=db user=anna password=hunter22 dbname=payoff",
        "host=db user=anna password='hunter22 and more' dbname=payoff",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter22==;x=y",
        '{"user": "anna", "password": "hunter22"}',
        "{'api_key': 'hunter22'}",
        "Authorization: Bearer hunter22hunter22",
        "Authorization: Basic YW5uYTpodW50ZXIyMg==",
        "OperationalError: (connecting to 'postgresql://anna:hunter22@db/payoff') refused",
        "MLFLOW_TRACKING_PASSWORD=hunter22",
        "redis://:hunter22@cache:6379/0",
    ],
)
def test_secrets_of_every_form_are_masked(text: str) -> None:
    shown = redact(text, "postgresql://anna:%68unter22@db/payoff")
    assert "hunter22" not in shown
    assert "YW5uYTpodW50ZXIyMg" not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////data/mlruns/mlflow.db",
        "http://127.0.0.1:5000",
        "http://localhost:5000/#/experiments/1",
        "postgresql://anna@db:5432/payoff",
        "n=1280: 3 trials failed; loss became NaN at step 40",
        "tokens_per_example 12, passes: 3, compass=north",
        "",
    ],
)
def test_what_holds_no_secret_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_user_host_and_database_stay_readable() -> None:
    shown = redact("postgresql://anna:hunter22@db:5432/payoff?sslmode=require")
    assert shown == "postgresql://anna:***@db:5432/payoff?sslmode=require"


def test_a_password_quoted_bare_is_known_from_the_address() -> None:
    assert redact("login hunter22 denied", "mysql://a:hunter22@db/x") == "login *** denied"


def test_a_password_from_the_environment_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct horse")
    assert redact("401 for anna / correct horse") == "401 for anna / ***"


def test_redacting_twice_changes_nothing_more() -> None:
    once = redact("https://anna:hunter22@host/?token=abc password='x y'")
    assert redact(once) == once


@given(st.text(st.characters(codec="ascii", exclude_categories=("C", "Z")), min_size=4))
def test_any_password_in_an_address_is_masked(password: str) -> None:
    address = f"postgresql://anna:{password}@db.example.org:5432/payoff"
    shown = redact(address)
    assert shown.startswith("postgresql://anna:***@")
    assert shown.endswith("db.example.org:5432/payoff") or "@" in password
    assert shown != address or password == "***"
