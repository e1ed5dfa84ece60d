"""Starting, watching and ending other programs; the environment they get.

May import: `kcode.types`. Every child of kcode is started by `spawn`, and nowhere else.
"""
