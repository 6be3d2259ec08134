"""What the settings make of accounts and mails."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from limner import config
from limner.bootstrap import accounts_policy, make_post
from limner.config import Settings, SettingsError, load


@pytest.mark.parametrize(
    ("server", "registration", "expected"),
    [
        ({}, None, "open"),
        ({"host": "localhost"}, None, "open"),
        ({"host": "0.0.0.0"}, None, "invitation"),
        ({"public_url": "https://limner.example"}, None, "invitation"),
        ({"host": "0.0.0.0"}, "open", "open"),
        ({}, "closed", "closed"),
        ({}, "approval", "approval"),
    ],
)
def test_who_may_join_if_nobody_says(server: dict[str, Any], registration: Any, expected: str) -> None:
    settings = Settings(server=config.Server(**server), accounts=config.Accounts(registration=registration))
    assert accounts_policy(settings).registration == expected


def test_how_long_sessions_live_is_said_in_days() -> None:
    policy = accounts_policy(Settings(accounts=config.Accounts(session_days=1.5, session_idle_days=0.25)))
    assert (policy.session_life, policy.session_idle) == (timedelta(hours=36), timedelta(hours=6))


def test_providers_are_read_from_the_file_and_their_secrets_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "limner.toml"
    file.write_text(
        '[accounts.providers.example]\nkind = "oidc"\nissuer = "https://login.example.org"\nclient_id = "limner"\n'
        '[accounts.providers.github]\nkind = "github"\nclient_id = "l2"\nclient_secret = "s2"\ntitle = "GitHub"\n'
    )
    environ = {"LIMNER_ACCOUNTS__PROVIDERS__EXAMPLE__CLIENT_SECRET": "s1"}
    providers = accounts_policy(load(config_file=file, environ=environ, flags={}).settings).providers

    assert (providers["example"].client_secret, providers["example"].title) == ("s1", "example")
    assert (providers["github"].client_secret, providers["github"].title) == ("s2", "GitHub")
    assert "s1" not in repr(providers)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('kind = "oidc"\nclient_id = "a"\nclient_secret = "b"', "OpenID Connect needs an issuer"),
        ('kind = "oidc"\nissuer = "login.example.org"\nclient_id = "a"\nclient_secret = "b"', "issuer"),
        ('kind = "saml"\nclient_id = "a"\nclient_secret = "b"', "kind"),
    ],
)
def test_a_provider_that_cannot_be_is_refused_at_the_start(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "limner.toml"
    file.write_text(f"[accounts.providers.example]\n{text}\n")
    with pytest.raises(SettingsError, match=sentence):
        load(config_file=file, environ={}, flags={})


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("implicit", 465), ("none", 25)])
def test_the_port_of_mails_follows_from_how_they_are_kept_secret(tls: Any, port: int) -> None:
    mail = config.Mail(host="mail.example.org", tls=tls, password=SecretStr("geheim"))
    server = make_post(Settings(mail=mail, server=config.Server(public_url="https://limner.example/x")))._server
    assert server is not None
    assert (server.port, server.sender) == (port, "limner <no-reply@limner.example>")
    assert "geheim" not in repr(server)


def test_without_a_host_there_are_no_mails() -> None:
    assert not make_post(Settings()).is_set


@pytest.mark.parametrize("sender", ["nobody", "a@b.c\nBcc: d@e.f", "x <y>"])
def test_a_sender_is_an_address(sender: str) -> None:
    with pytest.raises(ValueError, match="sender"):
        config.Mail(sender=sender)
