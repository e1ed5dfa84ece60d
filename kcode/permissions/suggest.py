"""The rule to offer for "don't ask again": the shortest prefix that does not hand over more than the person saw."""

import re
from typing import Final

from kcode.permissions.shell_script import Word, names
from kcode.permissions.wrapper_shapes import program
from kcode.permissions.wrappers import WRAPPERS

_NEVER: Final = names(
    "sudo doas su rm dd mkfs chmod chown kill pkill killall eval exec source . export alias"
    " unset set env printenv ssh scp"
    " curl wget nc ncat telnet tee crontab systemctl reboot shutdown awk gawk perl php lua osascript expect"
)
_INTERPRETERS: Final = re.compile(
    r"python[\d.]*|node|nodejs|deno|bun|ruby|perl|php|lua|java|Rscript|julia|pypy3?"
)
_SECOND: Final = names(
    "git npm pnpm yarn bun cargo go docker podman kubectl helm pip pip3 uv poetry pdm hatch rye gh glab brew apt"
    " apt-get dnf"
    " make just task rake bundle gem composer dotnet mvn gradle terraform aws gcloud az systemctl conda nix rustup deno"
    " mix rails django-admin flutter dart swift xcodebuild adb npx uvx pipx tox nox pre-commit"
)
_THIRD: Final = {
    "npm": names("run run-script exec"),
    "pnpm": names("run exec"),
    "yarn": names("run workspace"),
    "bun": names("run x"),
    "uv": names("run pip tool"),
    "poetry": names("run"),
    "pdm": names("run"),
    "hatch": names("run"),
    "rye": names("run"),
    "docker": names("compose container image volume network"),
    "gh": names("pr issue repo run workflow release api"),
    "glab": names("mr issue"),
    "git": names("stash remote worktree submodule"),
    "kubectl": names("config"),
    "aws": names("s3 ec2 iam lambda"),
    "gcloud": names("compute run"),
    "cargo": names("+nightly +stable"),
    "bundle": names("exec"),
    "deno": names("run task"),
}
_SAFE_WORD: Final = re.compile(r"[A-Za-z0-9_./:@+-]+")


def suggest(words: tuple[Word, ...]) -> str:
    """A rule that would allow this command from now on; empty where none safely could."""
    name = words[0].text
    short = program(words[0])
    if not words[0].fixed or short in _NEVER or short in WRAPPERS or not _SAFE_WORD.fullmatch(name):
        return ""
    if _INTERPRETERS.fullmatch(short) and short not in _SECOND:
        return _interpreter(words)
    if short not in _SECOND:
        return f"Bash({name} *)"
    wanted = 2 + (len(words) > 2 and words[1].text in _THIRD.get(short, ()))
    prefix = words[:wanted]
    if len(prefix) < wanted or not all(w.fixed and _SAFE_WORD.fullmatch(w.text) for w in prefix):
        return ""
    return (
        "" if any(w.text.startswith("-") for w in prefix) else f"Bash({' '.join(w.text for w in prefix)} *)"
    )


def _interpreter(words: tuple[Word, ...]) -> str:
    """`python -m pytest` and `python script.py` name what runs; code on the command line does not."""
    texts = [w.text for w in words if w.fixed and _SAFE_WORD.fullmatch(w.text)]
    if len(texts) >= 3 and len(texts) >= min(len(words), 3) and texts[1] == "-m":
        return f"Bash({' '.join(texts[:3])} *)"
    if len(words) > 1 and len(texts) > 1 and not texts[1].startswith("-") and words[1].text == texts[1]:
        return f"Bash({' '.join(texts[:2])} *)"
    return ""


def spell_out(words: tuple[Word, ...]) -> str:
    """A rule for exactly this command; empty where it could not be written plainly."""
    name = program(words[0])
    vague = name in _SECOND and (len(words) < 2 or words[1].text.startswith("-"))
    if (
        vague
        or name in _NEVER
        or name in WRAPPERS
        or not all(w.bare and _SAFE_WORD.fullmatch(w.text) for w in words)
    ):
        return ""
    return f"Bash({' '.join(w.text for w in words)})"
