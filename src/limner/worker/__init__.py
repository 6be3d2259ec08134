"""The loops that a node runs beside its requests."""
