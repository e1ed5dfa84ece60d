"""Events as text: a module per family, each returning lines with ANSI styles."""
