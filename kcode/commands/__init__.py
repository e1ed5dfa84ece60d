"""Slash commands: one module each, setting COMMAND, the same in every front end. May import the rooms below."""
