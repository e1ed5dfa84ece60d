"""Pictures for the model: small enough to be sent with every request that follows."""

import base64
import io
import warnings
from typing import TYPE_CHECKING

from kcode.types.errors import ToolError
from kcode.types.messages import ImagePart

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 2000
"""Pixels of the longer side that are sent at most."""
BYTES = 256 * 1024

_MAGIC = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


def media_type(data: bytes, suffix: str) -> str:
    """Return the kind of picture that a file's first bytes show, "" if it is none that can be sent."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data.startswith(b"BM") and suffix == ".bmp":
        return "image/bmp"
    return next((kind for start, kind in _MAGIC if data.startswith(start)), "")


def image_part(data: bytes, kind: str) -> tuple[ImagePart, str]:
    """Make a picture small enough to be sent, and say in words what it is and how it was changed.

    Raises:
        ToolError: it is damaged or far too large.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Pillow warns of a picture that takes hundreds of megabytes when opened; that is too many here.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _fitted(Image.open(io.BytesIO(data)), data, kind)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ToolError(
            "The picture has too many pixels to be opened. Make it smaller with a program first."
        ) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise ToolError(f"The picture cannot be opened, it is damaged or incomplete: {error}") from error


def _fitted(image: "Image", data: bytes, kind: str) -> tuple[ImagePart, str]:
    size = f"{image.width}x{image.height} pixels"
    if len(data) <= BYTES and max(image.size) <= SIDE and kind != "image/bmp":
        image.verify()
        return _part(kind, data), f"{kind}, {size}"
    kind, small, shown = _shrunk(image)
    return _part(kind, small), f"{size}, sent as {shown} {kind}"


def _part(kind: str, data: bytes) -> ImagePart:
    return ImagePart(media_type=kind, data=base64.b64encode(data).decode())


def _shrunk(image: "Image") -> tuple[str, bytes, str]:
    from PIL import ImageOps

    image.draft("RGB", (SIDE, SIDE))
    image = ImageOps.exif_transpose(image)
    transparent = "A" in image.getbands() or "transparency" in image.info
    image = image.convert("RGBA" if transparent else "RGB")
    image.thumbnail((SIDE, SIDE))
    while True:
        for form, quality in _FORMATS[transparent]:
            written = io.BytesIO()
            image.save(written, form, optimize=True, quality=quality)
            if written.tell() <= BYTES or max(image.size) <= 64:
                return f"image/{form}".lower(), written.getvalue(), f"{image.width}x{image.height}"
        image.thumbnail((image.width * 3 // 4, image.height * 3 // 4))


_FORMATS = {True: (("PNG", 0), ("WEBP", 80)), False: (("PNG", 0), ("JPEG", 85), ("JPEG", 60))}
"""Lossless first: screenshots of text suffer most from JPEG."""
