"""`kcode demo`: the whole job on a small repository, without a key.

A scripted model behind real HTTP drives the installed kcode: real files, a real failing test, real git.
"""

from kcode.frontends.demo.main import run

__all__ = ["run"]
