"""The terminal: a prompt that stays usable while the agent works above it."""
