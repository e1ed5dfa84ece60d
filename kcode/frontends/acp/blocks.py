"""What a person sends from an editor: text, files, pictures."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from acp.exceptions import RequestError
from acp.schema import (
    AudioContentBlock,
    BlobResourceContents,
    EmbeddedResourceContentBlock,
    ImageContentBlock,
    ResourceContentBlock,
    TextContentBlock,
    TextResourceContents,
)

from kcode.types.messages import ImagePart

Block: TypeAlias = (
    TextContentBlock
    | ImageContentBlock
    | AudioContentBlock
    | ResourceContentBlock
    | EmbeddedResourceContentBlock
)
IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as the agent takes it; `command` is its text where it is a slash command and nothing else."""

    text: str
    images: tuple[ImagePart, ...] = ()
    command: str = ""


def prompt_of(blocks: Sequence[Block]) -> Prompt:
    """Read a prompt's blocks.

    Raises:
        RequestError: there are none, or one of them cannot be used.
    """
    texts: list[str] = []
    images: list[ImagePart] = []
    attached: list[str] = []
    for block in blocks:
        match block:
            case TextContentBlock():
                texts.append(block.text)
            case ResourceContentBlock():
                texts += _apart(texts, _link(block))
            case ImageContentBlock():
                images.append(_image(block.mime_type, block.data))
            case EmbeddedResourceContentBlock(resource=TextResourceContents() as resource):
                texts += _apart(texts, _mention(resource.uri))
                attached.append(_attached(resource))
            case EmbeddedResourceContentBlock(resource=BlobResourceContents() as resource):
                texts += _apart(texts, _mention(resource.uri))
                if resource.mime_type in IMAGES:
                    images.append(_image(resource.mime_type, resource.blob))
            case AudioContentBlock():
                raise _unusable("Audio cannot be used; promptCapabilities says so.")
            case _:
                raise _unusable("A block of this kind cannot be used.")
    text = "".join(texts)
    if not text.strip() and not images:
        raise _unusable("The prompt is empty.")
    command = text.strip() if text.lstrip().startswith("/") and not images and not attached else ""
    return Prompt("\n\n".join([text, *attached]), tuple(images), command)


def _unusable(words: str) -> RequestError:
    return RequestError(-32602, words)


def _image(media_type: str, data: str) -> ImagePart:
    if media_type not in IMAGES:
        raise _unusable(
            f"Pictures of type {media_type} cannot be used. These can: {', '.join(sorted(IMAGES))}."
        )
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _unusable(f"The picture's data is not base64: {error}.") from error
    return ImagePart(media_type=media_type, data=data)


def _apart(texts: Sequence[str], mention: str) -> tuple[str, ...]:
    """Keep two mentions in a row from running into one another."""
    return (" ", mention) if texts and texts[-1].endswith(("`", ")")) else (mention,)


def _link(block: ResourceContentBlock) -> str:
    return _mention(block.uri) if block.uri.startswith("file:") else f"[{block.name}]({block.uri})"


def _mention(uri: str) -> str:
    """A resource in running text: a file by its path, with the lines that are meant."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return uri
    lines = f":{parts.fragment}" if parts.fragment else ""
    return f"`{Path(unquote(parts.path))}{lines}`"


def _attached(resource: TextResourceContents) -> str:
    return f'<attached uri="{resource.uri}">\n{resource.text}\n</attached>'
