"""Git that commands start in a folder that nobody trusts: the person's own settings count, the folder's programs not.

A command is any program's business, so nothing can be put on git's command line: what holds goes through git's
variables, which stand above every file. Programs that the person named in their own files stay. What a repository
names is put back to the person's, or to what git does by itself.
"""

import re
from collections.abc import Mapping, Sequence

from kcode.process.git import SETTINGS

QUERY = ("config", "--list", "--show-scope", "-z")
"""Arguments for git that list every setting and whose it is; they run nothing. The output goes to `settings`."""

_THEIRS = frozenset({"local", "worktree"})
# The same as kcode's own git has, but for what a person's command needs: to reach servers, and to sign.
_DEFAULTS: Mapping[str, str] = {
    **{name: value for name, value in SETTINGS.items() if name not in {"diff.external", "credential.helper"}},
    "core.sshCommand": "ssh",
    "gpg.program": "gpg",
    "gpg.ssh.program": "ssh-keygen",
    "gpg.x509.program": "gpgsm",
}
_OWN = frozenset(
    {
        *("core.sshCommand", "core.alternateRefsCommand", "interactive.diffFilter"),
        *("commit.gpgSign", "tag.gpgSign", "push.gpgSign", "log.showSignature"),
        *("gpg.program", "gpg.ssh.program", "gpg.x509.program", "gpg.ssh.defaultKeyCommand"),
    }
)
"""Settings that hold as the person has them, wherever they have them."""
_PLAIN_DIFF = 'f() { diff -u --label "a/$1" --label "b/$1" -- "$2" "$5"; :; }; f'
_NO_ALIAS = '!f() { echo "kcode: before this folder is trusted its aliases do not count" >&2; return 1; }; f'
_NAMED: Sequence[tuple[re.Pattern[str], str]] = (
    # An optional filter is then passed over; without a required one git stops, rather than store what it would hide.
    (re.compile(r"filter\..+\.(?:clean|smudge|process)", re.DOTALL), ""),
    (re.compile(r"merge\..+\.driver", re.DOTALL), "false"),
    (re.compile(r"diff\.external|diff\..+\.command", re.DOTALL), _PLAIN_DIFF),
    (re.compile(r"diff\..+\.textconv", re.DOTALL), "cat"),
    (re.compile(r"alias\..+", re.DOTALL), _NO_ALIAS),
    (re.compile(r"submodule\..+\.update", re.DOTALL), "checkout"),
    (re.compile(r"trailer\..+\.(?:cmd|command)", re.DOTALL), "true"),
    (
        re.compile(
            r"(?:difftool|mergetool|guitool|man|browser|sendemail|imap|instaweb|lfs|gc)\..*"
            r"(?:cmd|command|path|program|tunnel|smtpserver|hook|httpd|agent)",
            re.DOTALL,
        ),
        "false",
    ),
)
_OTHER_END = re.compile(r"remote\..+\.(?:uploadpack|receivepack)", re.DOTALL)


def settings(listing: str) -> Sequence[tuple[str, str]]:
    """Return the settings for git's variables under which it starts no program that this repository names.

    Args:
        listing: what git printed for `QUERY`; empty where that failed, the person's own settings are unknown then.
    """
    own: dict[str, list[str]] = {}
    theirs: dict[str, str] = {}
    helpers: list[tuple[str, str]] = []
    for scope, name, value in _entries(listing):
        if scope in _THEIRS:
            theirs[name] = value
            continue
        own.setdefault(name, []).append(value)
        if name.startswith("credential.") and name.endswith(".helper"):
            helpers.append((name, value))
    found = [(name, _value(name, own, default)) for name, default in _DEFAULTS.items()]
    # An empty helper takes back all that were named before; the person's are named again.
    found += [("credential.helper", ""), *helpers]
    for name in theirs:
        default = next((value for pattern, value in _NAMED if pattern.fullmatch(name)), None)
        if default is not None:
            found.append((name, own[name][-1] if name in own else default))
    if any(map(_OTHER_END.fullmatch, theirs)):
        # Of several programs for the other end the first one wins; it runs here if that end is a folder.
        found.append(("protocol.file.allow", "never"))
    return found


def _value(name: str, own: Mapping[str, Sequence[str]], default: str) -> str:
    values = own.get(name.lower(), ())
    if name == "core.hooksPath":
        # A relative one leads into the repository.
        return values[-1] if values and values[-1].startswith(("/", "~")) else default
    return values[-1] if values and name in _OWN else default


def _entries(listing: str) -> Sequence[tuple[str, str, str]]:
    fields = listing.split("\0")
    entries: list[tuple[str, str, str]] = []
    for scope, entry in zip(fields[::2], fields[1::2], strict=False):
        name, _, value = entry.partition("\n")
        entries.append((scope, name, value))
    return entries
