"""From the transcript to the next request, within the model's window. May import: kcode.types."""
