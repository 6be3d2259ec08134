"""The languages that callers speak: parsing what they send, rendering what they get, errors included."""
