"""Every other server: what most of them understand."""

from kcode.providers import effort
from kcode.providers.dialect import Dialect, Target


def _matches(_where: Target) -> bool:
    return True


DIALECT = Dialect(name="compatible", matches=_matches, rank=-1, fields=effort.levels)
