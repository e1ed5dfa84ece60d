"""The agent loop and what it is made of.

May import: kcode.types, kcode.arguments. Everything else is met through protocols.
"""
