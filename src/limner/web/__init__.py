"""HTTP: from a request to a verb of flow and back. No decisions here."""
