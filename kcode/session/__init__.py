"""What is on disk of a conversation, and what is known after reading it.

May import: kcode.types, kcode.screen, kcode.process.
"""
