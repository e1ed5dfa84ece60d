"""Settings, their layers, trust and credentials. May import: kcode.types."""
