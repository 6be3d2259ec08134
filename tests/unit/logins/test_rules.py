from __future__ import annotations

import pytest

from limner.logins import rules


@pytest.mark.parametrize(
    "place",
    [
        "/",
        "/keys",
        "/tasks/1?model=a&b=c#there",
        "/gallery?words=%E7%8C%AB",
        "/?prompt=100%25",
        "/docs/guide",
        "/a?to=https://b",
        "/?prompt=one%0Atwo%5Cthree",
    ],
)
def test_a_path_of_ours_is_gone_to(place: str) -> None:
    assert rules.place_of_ours(place) == place


@pytest.mark.parametrize(
    "place",
    [
        None,
        "",
        "keys",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/keys//evil.example",
        "http://evil.example",
        "https:evil.example",
        "http:/evil.example",
        "javascript:alert(1)",
        "%2F%2Fevil.example",
        "/%2Fevil.example",
        "/%252Fevil.example",
        "/%25252Fevil.example",
        "/%2525252Fevil.example",
        "/%5Cevil.example",
        "/%255Cevil.example",
        "/\tevil",
        "/\n/evil.example",
        "/%0A/evil.example",
        "/%09/evil.example",
        "/a/../..//evil.example",
        "/a\r\nset-cookie: b",
        " /keys",
        "/keys\u2028",
        "/" + "a" * 1000,
    ],
)
def test_nothing_else_is(place: str | None) -> None:
    assert rules.place_of_ours(place) is None


@pytest.mark.parametrize(
    "email", ["ada@example.org", "a+b@x.y.z", "小明@例子.中国", "O'Hara@example.org", "root@localhost"]
)
def test_an_email(email: str) -> None:
    assert rules.is_email(email)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "a b@example.org",
        "a@b@c",
        "ada@example..org",
        "a\n@b.c",
        "a@b.c\nBcc: d@e.f",
        "<a@b.c>",
        "a" * 65 + "@b.c",
        "a@" + "b." * 127 + "c",
    ],
)
def test_no_email(email: str) -> None:
    assert not rules.is_email(email)


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("nine char", "has at least 10 characters"),
        ("x" * 201, "has at most 200 characters"),
        ("Grace@Example.org", "is not the e-mail itself"),
        ("ten chars!", None),
        ("十个字符的密码也可以吧", None),
        ("          ", None),
        ("x" * 200, None),
    ],
)
def test_what_a_password_has(password: str, fault: str | None) -> None:
    assert rules.password_fault(password, email="grace@example.org") == fault


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("somewhere", "somewhere"),
        (None, "unknown"),
    ],
)
def test_by_what_a_sender_is_counted(address: str | None, counted: str) -> None:
    assert rules.sender_of(address) == counted


def test_an_account_is_called_after_its_email() -> None:
    assert rules.name_from("grace.hopper@navy.example") == "grace.hopper"
    assert rules.name_from(None) == "account"
    assert rules.name_from("x" * 64 + "@a.b") == "x" * 40


def test_what_a_browser_calls_itself_is_cut_and_harmless() -> None:
    assert rules.kept_agent("Lynx\x1b[31m\n" + "x" * 1000) == "Lynx[31m" + "x" * 292
