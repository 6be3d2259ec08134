"""What was painted: a row for each stored picture, and the secrets that sign links. Owns `images` and `link_secrets`."""
