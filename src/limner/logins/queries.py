"""All SQL of this room; what every page does is a call of one of its functions in the schema."""

from __future__ import annotations

from typing import Final

SIGNED_IN: Final = "logins_signed_in({}, {}, {}, {})"

TAKE: Final = "logins_take({}, {}, {}, {})"

GIVE_BACK: Final = "logins_give_back({}, {})"

TOO_OFTEN: Final = "LM010"

TIDY: Final = "SELECT logins_tidy($1, $2)"

# logins

_LOGIN: Final = """
account_id, email, password_hash IS NOT NULL AS has_password, must_verify, verified_at, approved_at, created_at
"""

ADD_LOGIN: Final = """
INSERT INTO logins (account_id, email, password_hash, must_verify, verified_at, approved_at, invitation_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING
"""

LOGIN: Final = f"SELECT {_LOGIN} FROM logins WHERE account_id = $1"

LOGINS: Final = f"SELECT {_LOGIN} FROM logins WHERE account_id = ANY($1)"

LOGIN_BY_EMAIL: Final = f"SELECT {_LOGIN} FROM logins WHERE lower(email) = lower($1)"

PASSWORD_BY_EMAIL: Final = f"SELECT {_LOGIN}, password_hash FROM logins WHERE lower(email) = lower($1)"

PASSWORD: Final = "SELECT password_hash FROM logins WHERE account_id = $1"

SET_PASSWORD: Final = "UPDATE logins SET password_hash = $2 WHERE account_id = $1 AND email IS NOT NULL"

REHASH: Final = "UPDATE logins SET password_hash = $3 WHERE account_id = $1 AND password_hash = $2"

TRY_EMAIL: Final = "SELECT logins_set_email($1, $2, $3)"

VERIFY: Final = "UPDATE logins SET verified_at = coalesce(verified_at, $2), must_verify = false WHERE account_id = $1"

APPROVE: Final = "UPDATE logins SET approved_at = $2 WHERE account_id = $1 AND approved_at IS NULL"

DELETE_LOGIN: Final = "DELETE FROM logins WHERE account_id = $1"

# sessions

_SESSION: Final = "id, account_id, sender, agent, created_at, seen_at, expires_at"

ADD_SESSION: Final = """
INSERT INTO sessions (id, token_hash, account_id, sender, agent, created_at, seen_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $6, $7)
"""

SESSIONS: Final = f"""
SELECT {_SESSION} FROM sessions WHERE account_id = $1 AND expires_at > $3 AND seen_at > $3 - $2::interval
ORDER BY seen_at DESC, id DESC
"""

END_SESSION: Final = "DELETE FROM sessions WHERE token_hash = $1"

END_SESSIONS: Final = "DELETE FROM sessions WHERE account_id = $1 AND id IS DISTINCT FROM $2"

# links

ADD_LINK: Final = """
INSERT INTO login_links (token_hash, account_id, purpose, email, next, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""

_LINK: Final = "account_id, purpose, email, next, expires_at"

LINK: Final = f"SELECT {_LINK} FROM login_links WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3"

USE_LINK: Final = (
    f"DELETE FROM login_links WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3 RETURNING {_LINK}"
)

FORGET_LINKS: Final = "DELETE FROM login_links WHERE account_id = $1 AND ($2::text IS NULL OR purpose = $2)"

# invitations

_INVITATION: Final = """
id, prefix, made_by, note, email, credits, uses_max, uses, created_at, expires_at, revoked_at
"""

ADD_INVITATION: Final = """
INSERT INTO invitations (id, code_hash, prefix, made_by, note, email, credits, uses_max, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

INVITATION: Final = f"SELECT {_INVITATION} FROM invitations WHERE code_hash = $1"

INVITATIONS: Final = f"SELECT {_INVITATION} FROM invitations ORDER BY id DESC LIMIT $1"

REDEEM: Final = f"""
UPDATE invitations SET uses = uses + 1
WHERE code_hash = $1 AND uses < uses_max AND (expires_at IS NULL OR expires_at > $3) AND revoked_at IS NULL
    AND (email IS NULL OR lower(email) = lower($2))
RETURNING {_INVITATION}
"""

REVOKE: Final = "UPDATE invitations SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"

# providers

_IDENTITY: Final = "provider, subject, account_id, label, created_at"

ADD_IDENTITY: Final = """
INSERT INTO identities (provider, subject, account_id, label, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""

IDENTITY: Final = f"SELECT {_IDENTITY} FROM identities WHERE provider = $1 AND subject = $2"

IDENTITIES: Final = f"SELECT {_IDENTITY} FROM identities WHERE account_id = $1 ORDER BY created_at, provider"

REMOVE_IDENTITY: Final = "DELETE FROM identities WHERE account_id = $1 AND provider = $2 AND subject = $3"

REMOVE_IDENTITIES: Final = "DELETE FROM identities WHERE account_id = $1"

LOCK: Final = "SELECT FROM logins WHERE account_id = $1 FOR UPDATE"

ADD_JOURNEY: Final = """
INSERT INTO login_journeys (
    state_hash, visitor_hash, provider, nonce, verifier, next, invitation, account_id, created_at, expires_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

TAKE_JOURNEY: Final = """
DELETE FROM login_journeys WHERE state_hash = $1 AND visitor_hash = $2 AND provider = $3 AND expires_at > $4
RETURNING provider, nonce, verifier, next, invitation, account_id
"""

# for overviews

LIKE: Final = "SELECT account_id FROM logins WHERE email ILIKE $1 ORDER BY account_id DESC LIMIT $2"

WAITING: Final = "SELECT account_id FROM logins WHERE approved_at IS NULL ORDER BY account_id DESC LIMIT $1"

LAST_SEEN: Final = """
SELECT account_id, max(seen_at) AS seen_at FROM sessions WHERE account_id = ANY($1::uuid[]) GROUP BY account_id
"""

INVITATION_BY_ID: Final = f"SELECT {_INVITATION} FROM invitations WHERE id = $1"
