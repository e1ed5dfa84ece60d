"""The agent loop and what it is made of.

May import: kcode.types, kcode.arguments, kcode.registry. It meets models, tools, permissions, context and
storage only through the protocols there.
"""
