"""The built-in tools: one module with its TOOL, one text that describes it to the model.

A tool looks and asks in `prepare`, acts in `run`, and reaches the world through its environment only. Modules
whose names begin with "_" are shared by several tools and are none themselves.

May import: kcode.types, kcode.registry, kcode.screen, kcode.process; read, write and edit also kcode.editing.
"""
