"""The ways to use kcode. They do not know one another; `shapes` is what they have in common."""
