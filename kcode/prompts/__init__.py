"""What the model is told about itself and its place. May import: kcode.types, kcode.registry."""
