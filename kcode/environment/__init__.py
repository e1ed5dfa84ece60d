"""Where the agent works: files, processes, git and search of this machine.

May import: kcode.types, kcode.process, kcode.screen and the standard library; GitPython inside `git` only. The
rest of kcode meets this room through `kcode.types.environment`.
"""
