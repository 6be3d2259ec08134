"""The management API: an account's own services, applications, credentials, usage, orders and tokens, in the vendor's shapes.

For programs that hold a platform token; people have the console's pages.
"""
