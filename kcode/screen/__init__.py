"""What stands before every sink: text made harmless, secrets taken out, widths counted.

May import: `kcode.types`.
"""
