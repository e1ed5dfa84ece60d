"""Pictures named in a prompt with `@`."""

import base64
import re
from pathlib import Path

from kcode.types.messages import ImagePart

TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
LARGEST = 10_000_000
"""Bytes of a picture that is sent along; a larger one stays a name that the model can look at."""
_MENTION = re.compile(r'(?:^|(?<=\s))@(?:"(?P<quoted>[^"\n]+)"|(?P<plain>\S+))')


def images_in(text: str, root: Path) -> list[ImagePart]:
    """Read the pictures that a prompt mentions; what cannot be read is left to the words."""
    found: list[ImagePart] = []
    for match in _MENTION.finditer(text):
        path = root / Path(match["quoted"] or match["plain"]).expanduser()
        media = TYPES.get(path.suffix.lower())
        try:
            if media and path.is_file() and path.stat().st_size <= LARGEST:
                data = base64.b64encode(path.read_bytes()).decode("ascii")
                found.append(ImagePart(media_type=media, data=data))
        except OSError:
            continue
    return found
