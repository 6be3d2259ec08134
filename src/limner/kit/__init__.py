"""Tools that know nothing of us: they would serve any other project as well."""
