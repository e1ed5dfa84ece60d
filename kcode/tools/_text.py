"""The lines of a file as the model sees them."""

from collections.abc import Sequence

from kcode.editing.encoding import Decoded, EncodingRefusedError, decode, readable

LONGEST = 2000
"""Characters of one line that are shown."""

_UNKNOWN = "a binary file"
_KINDS = (
    (b"\x7fELF", "an ELF program or library"),
    (b"MZ", "a Windows program or library"),
    (b"\xfe\xed\xfa", "a macOS program or library"),
    (b"\xcf\xfa\xed\xfe", "a macOS program or library"),
    (b"PK\x03\x04", "a ZIP archive (or an office file, jar or wheel)"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"BZh", "bzip2-compressed data"),
    (b"\xfd7zXZ", "xz-compressed data"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x00asm", "a WebAssembly module"),
    (b"\xca\xfe\xba\xbe", "a Java class or macOS program"),
    (b"OggS", "Ogg audio or video"),
    (b"ID3", "MP3 audio"),
    (b"fLaC", "FLAC audio"),
    (b"%PDF", "a PDF document"),
)


def decode_text(data: bytes) -> Decoded:
    """Read a file's bytes as text; raises EncodingRefusedError if they are none."""
    if b"\0" in data[:1024] and binary_kind(data) != _UNKNOWN:
        # A few bytes of a program can look like text of two bytes a character.
        raise EncodingRefusedError("It is not text. Use a command made for its format.")
    return decode(data)


def binary_kind(data: bytes) -> str:
    """Say in words what the first bytes of a binary file tell."""
    return next((words for start, words in _KINDS if data.startswith(start)), _UNKNOWN)


def split_lines(view: str) -> Sequence[str]:
    """Return the lines of a text whose endings are newlines; a last newline begins no line."""
    lines = view.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def numbered(lines: Sequence[str], first: int) -> str:
    """Show lines with their numbers, as `cat -n` does; overlong ones are cut and say so."""
    return "\n".join(f"{n:>6}\t{shorten(readable(line))}" for n, line in enumerate(lines, first))


def shorten(line: str) -> str:
    """Cut an overlong line, with a note."""
    return (
        line
        if len(line) <= LONGEST
        else f"{line[:LONGEST]} [... {len(line) - LONGEST:,} more characters in this line]"
    )
