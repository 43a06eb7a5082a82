"""No password of any storage address survives, in whatever form it appears."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.redaction import keep_secret, redact, redacted_output


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
        "postgresql://anna:two words hunter22@db/payoff is away",
        "password=two words hunter22 dbname=payoff",
        "s3://AKIAIOSFODNN7EXAMPLE:hunter22/hunter22@bucket/key",
        "https://bucket/x?X-Amz-Security-Token=hunter22&X-Amz-Signature=hunter22",
        "https://host/?AWSAccessKeyId=hunter22&Signature=hunter22",
        "{'Authorization': 'Token hunter22', 'X-Api-Key': 'hunter22', 'Cookie': 'hunter22'}",
        '{\\"password\\": \\"hunter22\\"}',
        "('password', 'hunter22')",
        "mysql --password hunter22 payoff",
        "Driver={ODBC};Uid=anna;Pwd={hunter22;x};",
        "unclosed password='hunter22",
        "ghp_hunter22hunter22hunter22",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter22\n-----END RSA PRIVATE KEY-----",
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
        "n_tokens=1280, max_token=512, tokenizer=bpe, design=2, signal=3",
        "a basic understanding: bearer of bad news",
        "http://localhost:5000/api did not answer; ask admin@example.org",
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


def test_a_password_of_an_address_is_known_in_whatever_way_it_is_written() -> None:
    password = 'two words/zw\u00f6lf@7:"?'
    address = f"postgresql://anna:{quote(password, safe='')}@db/payoff"
    for form in (
        password,
        quote(password, safe=""),
        json.dumps(password),
        json.dumps(password, ensure_ascii=False),
        repr(password),
        password.partition("@")[0],  # as a driver takes it apart where it was not encoded
        password.partition("/")[2],
    ):
        shown = redact(f"no {form} here", address)
        assert "***" in shown and "words" not in shown and "zw" not in shown, form


def test_a_variable_that_is_named_like_a_secret_is_masked_and_a_place_or_switch_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEAM_API_KEY", "kestrel99")
    monkeypatch.setenv("PAYROLL_URL", "mysql://paul:merlin77@db/x")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "disabled-here")
    monkeypatch.setenv("SERVICE_TOKEN_FILE", "/run/secrets/token")
    monkeypatch.setenv("USE_TOKEN", "enabled")
    text = "kestrel99 merlin77 disabled-here /run/secrets/token enabled"
    assert redact(text) == "*** *** disabled-here /run/secrets/token enabled"


def test_what_is_printed_is_masked_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    keep_secret("postgresql://anna:kestrel99@db/payoff")
    with redacted_output():
        for piece in ("one kest", "rel99\ntwo ", "kestrel99 three"):
            print(piece, end="")
    assert capsys.readouterr().out == "one ***\ntwo *** three"
