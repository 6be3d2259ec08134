"""Addresses on this server that keep what is sent to them, for looking at. Owns `inboxes` and `inbox_requests`."""
