"""Commands that ask in every mode, because a person cannot take back what they do.

`hard` ones ask whatever the rules say. The others give way to a rule that names the command beyond its program.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kcode.permissions import git_words
from kcode.permissions.paths import Place, Workspace, free_device, inside, locate, protected
from kcode.permissions.shell_script import Word, names
from kcode.permissions.wrapper_shapes import program

Words = tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Danger:
    """Why a command asks in every mode."""

    reason: str
    hard: bool = False


_PRIVILEGE: Final = names("sudo doas su pkexec run0 runuser")
_DISKS: Final = re.compile(
    r"mkfs(\..+)?|mke2fs|fdisk|sfdisk|gdisk|sgdisk|parted|wipefs|blkdiscard|cryptsetup|mkswap|hdparm"
)
_SYSTEM: Final = names(
    "shutdown reboot halt poweroff init telinit passwd chpasswd useradd userdel usermod groupdel visudo iptables nft"
    " ufw modprobe insmod rmmod mount umount swapoff sysctl launchctl at batch crontab diskutil csrutil nvram defaults"
)
_PUBLISHING: Final = {
    "npm": names("publish unpublish deprecate"),
    "pnpm": names("publish"),
    "yarn": names("publish"),
    "bun": names("publish"),
    "twine": names("upload"),
    "poetry": names("publish"),
    "uv": names("publish"),
    "hatch": names("publish"),
    "flit": names("publish"),
    "pdm": names("publish"),
    "cargo": names("publish yank"),
    "gem": names("push yank"),
    "docker": names("push"),
    "podman": names("push"),
    "helm": names("push uninstall delete"),
    "vsce": names("publish"),
}
_REMOTE: Final = names(
    "aws gcloud az gh glab heroku fly flyctl doctl kubectl oc helm terraform tofu terragrunt pulumi cdk serverless"
    " vercel netlify wrangler linode-cli hcloud firebase supabase railway eksctl gsutil openstack nomad vault"
)
_REMOTE_VERBS: Final = re.compile(
    r"(delete|destroy|terminate|remove|purge|drop|uninstall|drain|wipe|prune|rb|rm|revoke|deregister)([-:].*|s)?|.+:destroy"
    r"|.*delete-.*"
)
_CONTAINERS: Final = names("docker podman nerdctl")
_SERVICES: Final = names("systemctl service rc-service")
_PROCESSES: Final = names("kill killall killall5 pkill")
_DATABASES: Final = names(
    "psql mysql mariadb sqlite3 mongo mongosh redis-cli clickhouse-client sqlcmd bq cqlsh duckdb"
)
_DATABASE_LOSS: Final = re.compile(
    r"\b(drop\s+\w+|truncate\b|delete\s+from|dropdatabase|flushall|flushdb|deletemany|alter\s+table\s+\S+\s+drop)",
    re.IGNORECASE,
)
_DELETING: Final = names("rm rmdir unlink shred srm trash trash-put del")
_CHANGING: Final = names("chmod chown chgrp setfacl chattr")
_PLACING: Final = names("mv cp ln tee touch mkdir truncate install rsync sed dd")
_DEVICE: Final = re.compile(r"/dev/(?!shm/|fd/|tty$)")
_EXPANDING_HOME: Final = re.compile(r"\$(HOME|\{HOME\})(?=/|$)")


def danger(words: Words, workspace: Workspace, cwds: tuple[str, ...]) -> Danger | None:
    """Why a command asks in every mode; None where it does not. Wrappers are taken off before."""
    # Some file systems know no capitals: there `RM` is `rm`.
    name = program(words[0]).lower()
    if name in _PRIVILEGE:
        return Danger(f"'{name}' runs commands with another user's powers")
    if _DISKS.fullmatch(name):
        return Danger(f"'{name}' changes disks", hard=True)
    if name in _SYSTEM and not (name == "crontab" and [w.text for w in words[1:]] == ["-l"]):
        return Danger(f"'{name}' changes the system beyond this project")
    check = _CHECKS.get(name)
    return check(words, name, workspace, cwds) if check else None


def _by_verb(words: Words, name: str, _workspace: Workspace, _cwds: tuple[str, ...]) -> Danger | None:
    texts = [w.text for w in words[1:]]
    plain = [t for t in texts if not t.startswith("-")]
    if name == "git":
        reason = git_words.loses_work(words)
        return Danger(f"'git {git_words.split(words)[1][0].text}' {reason}") if reason else None
    if name in _PUBLISHING and plain and plain[0] in _PUBLISHING[name] and "--dry-run" not in texts:
        return Danger(f"'{name} {plain[0]}' publishes or withdraws something for everyone")
    if name in _REMOTE and any(
        _REMOTE_VERBS.fullmatch(t) for t in (*plain[:4], *_options_that_delete(texts))
    ):
        return Danger(f"'{name}' deletes something that does not lie in this project")
    if (
        name in _CONTAINERS
        and any(t in {"prune", "rm", "rmi", "kill"} for t in plain[:2])
        and "volume" in plain + texts[:3]
    ):
        return Danger(f"'{name}' deletes volumes")
    if name in _CONTAINERS and "prune" in plain[:2]:
        return Danger(f"'{name}' deletes what other projects may use")
    if name in _SERVICES and plain and plain[0] not in names("status show cat list-units"):
        return Danger(f"'{name}' changes the system beyond this project")
    return None


def _options_that_delete(texts: list[str]) -> list[str]:
    """`terraform apply -destroy`, `gh api -X DELETE`: the verb stands in an option."""
    return [
        t.lstrip("-").partition("=")[0].lower()
        for t in texts
        if t.lower() in {"delete", "-destroy", "--destroy"}
    ]


def _processes(words: Words, name: str, _workspace: Workspace, _cwds: tuple[str, ...]) -> Danger | None:
    texts = [w.text for w in words[1:]]
    if name == "kill" and ("-1" in texts[1:] or texts == ["-1"] or (texts[:1] == ["--"] and "-1" in texts)):
        return Danger("'kill -1' ends all of your processes", hard=True)
    if name == "killall5" or (
        name in {"killall", "pkill"}
        and any(t in {"-u", "--user", "-U"} or ".*" in t or t == "." for t in texts)
    ):
        return Danger(f"'{name}' ends processes of other programs")
    return None


def _database(words: Words, name: str, _workspace: Workspace, _cwds: tuple[str, ...]) -> Danger | None:
    if name not in _DATABASES:
        return Danger(f"'{name}' deletes a database")
    if any(_DATABASE_LOSS.search(w.text) for w in words[1:]):
        return Danger(f"'{name}' is told to delete data")
    return None


def _files(words: Words, name: str, workspace: Workspace, cwds: tuple[str, ...]) -> Danger | None:
    operands = [w for w in words[1:] if not w.text.startswith("-") or w.text == "-"]
    if name == "dd":
        return _device_copy(words)
    if name in _DELETING:
        recursive = name != "rm" or any(_recursive(w.text) for w in words[1:])
        return _first(operands, lambda w: _lost(w, workspace, cwds, recursive=recursive))
    if name in _CHANGING and any(_recursive(w.text) for w in words[1:]):
        return _first(operands[1:], lambda w: _lost(w, workspace, cwds, recursive=False, itself=False))
    if name == "mv":
        moved = operands[:-1] or operands
        found = _first(moved, lambda w: _lost(w, workspace, cwds, recursive=True))
        return found or _touches_protected(operands, workspace, cwds)
    if name == "sed" and not any(w.text.startswith("-") and "i" in w.text for w in words[1:]):
        return None
    return _touches_protected(operands, workspace, cwds)


def _device_copy(words: Words) -> Danger | None:
    targets = [w.text.partition("=")[2] for w in words if w.text.startswith("of=")]
    if any(t.startswith("/dev/") and t != "/dev/null" for t in targets):
        return Danger("'dd' writes to a device", hard=True)
    return None


def _recursive(text: str) -> bool:
    if text.startswith("--"):
        return len(text) > 4 and "--recursive".startswith(text)
    return text.startswith("-") and ("r" in text or "R" in text)


def _first(words: list[Word], check: Callable[[Word], Danger | None]) -> Danger | None:
    return next((found for w in words if (found := check(w))), None)


def spelled_out(word: Word, workspace: Workspace) -> str | None:
    """A word as a path, with the home directory put in; None where it is only known when the command runs."""
    text = _EXPANDING_HOME.sub(lambda _: workspace.home, word.text)
    if not word.literal and (text == word.text or "$" in text or "`" in text):
        return None
    if word.tilde and (text == "~" or text.startswith("~/")):
        return workspace.home + text[1:]
    return text


def _lost(
    word: Word, workspace: Workspace, cwds: tuple[str, ...], *, recursive: bool, itself: bool = True
) -> Danger | None:
    text = spelled_out(word, workspace)
    if text is None:
        return (
            Danger(f"'{word.raw}' is only known when the command runs, and could be '/'", hard=True)
            if recursive
            else None
        )
    whole = re.sub(r"(^|/)(\.?\*+|\.\[.*|\?+|\{.*)(/.*)?$", r"\1", text) if word.glob else text
    for cwd in cwds:
        path = workspace.absolute(whole or ".", cwd) if not whole.startswith("/") else whole
        place = locate(os.path.normpath(path), workspace)
        if found := _place_lost(word, place, workspace, itself=itself):
            return found
    return None


def _place_lost(word: Word, place: Place, workspace: Workspace, *, itself: bool) -> Danger | None:
    target = place.resolved
    if any(target == folder for folder in workspace.folders):
        return Danger(f"'{word.raw}' is the whole working directory", hard=True) if itself else None
    if (
        inside(workspace.real_home, target)
        or target.count("/") == 1
        or any(inside(f, target) for f in workspace.folders)
    ):
        return Danger(f"'{word.raw}' is a whole system, home or parent directory", hard=True)
    if name := protected(place, workspace):
        return Danger(f"'{word.raw}' is protected ({name})", hard=True)
    temporary = re.fullmatch(r"/(private/)?tmp/[^/*?]+(/.*)?", target) is not None
    if not workspace.holds(target) and not temporary:
        return Danger(f"'{word.raw}' lies outside the working directories")
    return None


def _touches_protected(operands: list[Word], workspace: Workspace, cwds: tuple[str, ...]) -> Danger | None:
    for word in operands:
        text = spelled_out(word, workspace)
        if text is None:
            continue
        if _DEVICE.match(text) and not free_device(text):
            return Danger(f"'{word.raw}' is a device", hard=True)
        for cwd in cwds:
            if name := protected(locate(workspace.absolute(text, cwd), workspace), workspace):
                return Danger(f"'{word.raw}' is protected ({name})", hard=True)
    return None


def _find(words: Words, _name: str, workspace: Workspace, cwds: tuple[str, ...]) -> Danger | None:
    texts = [w.text for w in words]
    if not any(t in {"-delete", "-exec", "-execdir", "-ok", "-okdir"} for t in texts):
        return None
    deleting = "-delete" in texts or any(program(w) in _DELETING | _CHANGING | {"mv"} for w in words[1:])
    if not deleting:
        return None
    ends = next((i for i, t in enumerate(texts[1:], 1) if t.startswith(("-", "(", "!"))), len(texts))
    filtered = any(
        t in {"-name", "-iname", "-path", "-regex", "-newer", "-mtime", "-size", "-empty"} for t in texts
    )
    starts = list(words[1:ends]) or [Word(".", ".")]
    return _first(starts, lambda w: _lost(w, workspace, cwds, recursive=True, itself=not filtered))


Check = Callable[[Words, str, Workspace, tuple[str, ...]], Danger | None]
_CHECKS: Final[dict[str, Check]] = {
    **dict.fromkeys(("git", *_PUBLISHING, *_REMOTE, *_CONTAINERS, *_SERVICES), _by_verb),
    **dict.fromkeys((*_DELETING, *_CHANGING, *_PLACING), _files),
    **dict.fromkeys((*_DATABASES, "dropdb", "dropuser"), _database),
    **dict.fromkeys(_PROCESSES, _processes),
    "find": _find,
}
"""How each program that can do such things is looked at."""
