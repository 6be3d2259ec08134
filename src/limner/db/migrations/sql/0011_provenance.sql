-- Who signs where pictures come from.

-- Authorities of our own: a root certificate, and one that signs for it, with their keys, as PEM. The latest signs; those
-- before it have, and are trusted still.
CREATE TABLE provenance_authorities (
    id uuid PRIMARY KEY,
    root text NOT NULL,
    root_key text NOT NULL,
    chain text NOT NULL,
    key text NOT NULL,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);
