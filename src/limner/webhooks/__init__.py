"""Callbacks: what is to be delivered to whom, how it is signed, and every attempt at it.

Owns `webhook_secrets`, `webhook_messages`, `webhook_attempts` and `webhook_endpoints`.
"""
