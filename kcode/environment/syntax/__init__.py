"""What code files define, where they are broken, and which of them matter: the one door to tree-sitter there.

`grammars` loads grammars and parses, `tags` reads definitions and errors off a tree, `facts` says what one file
contributes to the map, `imports` finds the files that an import names, `graph` ranks files, `drawing` writes the
map, `cache` keeps facts by content, and `local` puts them together.
"""
