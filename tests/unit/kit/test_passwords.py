from __future__ import annotations

from limner.kit.passwords import Passwords

PASSWORDS = Passwords(memory_kib=1024, rounds=1)


async def test_only_the_same_password_matches() -> None:
    kept = await PASSWORDS.hashed("correct horse 电池")

    assert kept.startswith("$argon2id$")
    assert "horse" not in kept
    assert await PASSWORDS.matches("correct horse 电池", kept=kept)
    assert not await PASSWORDS.matches("correct horse", kept=kept)
    assert not await PASSWORDS.matches("", kept=kept)


async def test_the_same_password_is_kept_differently_each_time() -> None:
    assert await PASSWORDS.hashed("correct horse") != await PASSWORDS.hashed("correct horse")


async def test_nobody_s_password_matches_nothing() -> None:
    assert not await PASSWORDS.matches("nobody's", kept=None)
    assert not await PASSWORDS.matches("x", kept="no hash")


async def test_any_text_is_a_password() -> None:
    odd = "\udcff\0" * 6
    assert await PASSWORDS.matches(odd, kept=await PASSWORDS.hashed(odd))


async def test_a_hash_that_was_made_otherwise_is_outdated() -> None:
    kept = await PASSWORDS.hashed("correct horse")

    assert not PASSWORDS.is_outdated(kept)
    assert Passwords(memory_kib=2048, rounds=1).is_outdated(kept)
    assert Passwords().is_outdated(kept)
