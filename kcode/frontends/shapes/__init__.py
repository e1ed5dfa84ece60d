"""The result and event shapes that scripts written for Claude Code parse, made from kcode's events."""
