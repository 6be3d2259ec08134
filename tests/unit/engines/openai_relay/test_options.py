from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from limner.engines.openai_relay.dialects import DIALECTS
from limner.engines.openai_relay.options import DIALECT_NAMES, RelayOptions, UpstreamOptions, options_of


def with_upstream(**given: object) -> dict[str, Any]:
    return {"upstreams": {"main": {"address": "https://api.openai.com/v1", **given}}}


def upstream(**given: object) -> UpstreamOptions:
    return options_of(with_upstream(**given), environ={"OUR_KEY": "from-the-environment"}).upstreams[0]


def test_an_address_is_enough() -> None:
    options = options_of(with_upstream())

    assert options == RelayOptions(upstreams=(UpstreamOptions(name="main", base="https://api.openai.com/v1"),))
    assert (options.fit, options.links) == ("crop", "host")


def test_everything_that_can_be_said_is_read() -> None:
    given = {
        "fit": "scale",
        "links": "pass",
        "attempts_max": 5,
        "backoff_seconds": 0,
        "backoff_seconds_max": 4,
        "retry_after_seconds_max": 60,
        "breaker_failures": 2,
        "breaker_seconds": 1.5,
        "upstreams": {
            "near": {
                "address": "http://10.0.0.4:8000",
                "key": "k-1",
                "dialect": "vllm_omni",
                "model": "Qwen/Qwen-Image",
                "models": {"dall-e-3": "Tongyi-MAI/Z-Image-Turbo"},
                "weight": 0.5,
                "concurrent": 2,
                "connect_seconds": 1,
                "seconds": 90,
                "idle_seconds": 30,
                "answer_bytes_max": 1000,
                "headers": {"X-Title": "limner"},
                "organization": "org-1",
                "project": "proj-1",
                "sizes": ["512x512", "768x512"],
                "pictures_per_call": 4,
            }
        },
    }

    options = options_of(given)

    assert options == RelayOptions(
        upstreams=(
            UpstreamOptions(
                name="near",
                base="http://10.0.0.4:8000/v1",
                key="k-1",
                dialect="vllm_omni",
                model="Qwen/Qwen-Image",
                models={"dall-e-3": "Tongyi-MAI/Z-Image-Turbo"},
                weight=0.5,
                concurrent=2,
                connect_seconds=1.0,
                seconds=90.0,
                idle_seconds=30.0,
                answer_bytes_max=1000,
                headers={"X-Title": "limner"},
                organization="org-1",
                project="proj-1",
                sizes=((512, 512), (768, 512)),
                pictures_per_call=4,
            ),
        ),
        fit="scale",
        links="pass",
        attempts_max=5,
        backoff_seconds=0.0,
        backoff_seconds_max=4.0,
        retry_after_seconds_max=60.0,
        breaker_failures=2,
        breaker_seconds=1.5,
    )


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("https://api.openai.com", "https://api.openai.com/v1"),
        ("https://api.openai.com/", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("https://openrouter.ai/api", "https://openrouter.ai/api/v1"),
        ("http://127.0.0.1:30000", "http://127.0.0.1:30000/v1"),
        ("https://example.com/api/v3", "https://example.com/api/v3"),
        ("https://example.com/v1beta/openai", "https://example.com/v1beta/openai"),
    ],
)
def test_an_address_may_say_its_version_or_not(address: str, base: str) -> None:
    assert upstream(address=address).base == base


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "at least one upstream"),
        ({"upstreams": {}}, "at least one upstream"),
        ({"upstreams": ["main"]}, "at least one upstream"),
        ({"upstreams": {"main": "https://x"}}, "upstreams.main is a table"),
        ({"upstreams": {"ma in": {}}}, "an upstream's name is of letters"),
        ({**with_upstream(), "fits": "crop"}, "there is no option fits; did you mean fit?"),
        ({**with_upstream(), "fit": "stretch"}, "fit is one of crop, scale, off; not 'stretch'"),
        ({**with_upstream(), "fit": ["crop"]}, "fit is one of crop, scale, off; not ['crop']"),
        ({**with_upstream(), "links": "both"}, "links is one of host, pass"),
        ({**with_upstream(), "attempts_max": 0}, "attempts_max is a whole number from 1 on; not 0"),
        ({**with_upstream(), "backoff_seconds": -1}, "backoff_seconds is a number from 0 on"),
        (with_upstream(adress="x"), "there is no option upstreams.main.adress; did you mean upstreams.main.address?"),
        (with_upstream(base="x"), "there is no option upstreams.main.base"),
        (with_upstream(address="ftp://x"), "upstreams.main.address is where the upstream is"),
        (with_upstream(address="api.openai.com"), "upstreams.main.address is where the upstream is"),
        (with_upstream(address="https://x:99999"), "upstreams.main.address is where the upstream is"),
        (with_upstream(address="https://ex ample"), "upstreams.main.address is where the upstream is"),
        (with_upstream(address=7), "upstreams.main.address is where the upstream is"),
        (with_upstream(address="https://me:pw@x"), "address holds no password, query or fragment"),
        (with_upstream(address="https://x/v1?a=b"), "address holds no password, query or fragment"),
        (with_upstream(dialect="gpt"), "upstreams.main.dialect is one of openai, dalle"),
        (with_upstream(key="a", key_env="B"), "upstreams.main.key and upstreams.main.key_env both give the key"),
        (with_upstream(key_env="NOWHERE"), "the environment has no NOWHERE"),
        (with_upstream(key_file="/nowhere/at/all"), "key_file: /nowhere/at/all: No such file or directory"),
        (with_upstream(key="a b"), "upstreams.main.key gives no key"),
        (with_upstream(key=5), "upstreams.main.key is text"),
        (with_upstream(weight=0), "upstreams.main.weight is a number above 0; not 0"),
        (with_upstream(weight=float("nan")), "upstreams.main.weight is a number above 0"),
        (with_upstream(seconds=float("inf")), "upstreams.main.seconds is a number above 0"),
        (with_upstream(concurrent=1.5), "upstreams.main.concurrent is a whole number from 1 on"),
        (with_upstream(concurrent=True), "upstreams.main.concurrent is a whole number from 1 on"),
        (with_upstream(model=3), "upstreams.main.model is text"),
        (with_upstream(models={"a": ""}), "upstreams.main.models is a table of texts"),
        (with_upstream(models="a"), "upstreams.main.models is a table of texts"),
        (with_upstream(headers={"authorization": "x"}), "headers.authorization is set by the relay itself"),
        (with_upstream(headers={"a b": "x"}), "headers.a b is no header"),
        (with_upstream(headers={"x": "a\r\nb: c"}), "table of texts"),
        (with_upstream(sizes=["1024"]), "sizes is a list such as"),
        (with_upstream(sizes=[]), "sizes is a list such as"),
    ],
)
def test_whatever_is_wrong_is_said_in_a_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        options_of(given, environ={})


def test_a_key_comes_as_it_is_from_a_file_or_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-a-file\n")

    assert upstream(key="as-it-is").key == "as-it-is"
    assert upstream(key_file=str(file)).key == "from-a-file"
    assert upstream(key_env="OUR_KEY").key == "from-the-environment"
    assert upstream(key="").key is None, "an empty text is how files say that it is not set"


def test_no_key_is_ever_shown() -> None:
    options = options_of(with_upstream(key="very-secret", headers={"X-Token": "as-secret"}))

    assert "secret" not in repr(options)
    with pytest.raises(ValueError, match="gives no key") as caught:
        options_of(with_upstream(key="very secret"))
    assert "very secret" not in str(caught.value)


def test_an_upstream_has_its_own_names_for_models() -> None:
    assert upstream().model_for("gpt-image-2") == "gpt-image-2"
    assert upstream(model="gpt-image-2").model_for("dall-e-3") == "gpt-image-2"
    both = upstream(model="gpt-image-2", models={"dall-e-3": "gpt-image-1.5"})
    assert both.model_for("dall-e-3") == "gpt-image-1.5"
    assert both.model_for("gpt-image-1") == "gpt-image-2"
    table = upstream(models={"dall-e-3": "gpt-image-1.5"})
    assert table.model_for("gpt-image-1") is None


def test_a_model_is_served_by_those_that_have_it() -> None:
    options = options_of(
        {
            "upstreams": {
                "all": {"address": "https://a"},
                "one": {"address": "https://b", "models": {"dall-e-3": "x"}},
            }
        }
    )

    assert [one.name for one in options.serving("dall-e-3")] == ["all", "one"]
    assert [one.name for one in options.serving("gpt-image-2")] == ["all"]


def test_every_dialect_that_can_be_named_exists() -> None:
    assert tuple(DIALECTS) == DIALECT_NAMES
