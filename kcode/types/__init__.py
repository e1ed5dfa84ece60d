"""The vocabulary that every room shares: data and protocols, no behaviour.

May import: the standard library and pydantic. Nothing of kcode outside this folder.
"""
