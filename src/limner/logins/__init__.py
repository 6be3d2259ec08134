"""Who is at the keyboard: e-mail and password, sessions, one-time links, other providers' identities, invitations."""
