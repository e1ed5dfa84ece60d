"""kcode: a terminal coding agent for Kimi models and any OpenAI-compatible server."""

__version__ = "0.1.0"
