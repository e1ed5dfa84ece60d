"""What of a repository's configuration can name a program, read without git."""

import re
from collections.abc import Sequence

_SECTION = re.compile(r"\[\s*([A-Za-z0-9.-]+)(?:\s+\"((?:[^\"\\]|\\.)*)\")?\s*\]")
_HARMLESS = re.compile(
    r"branch\..*|user\.(name|email|signingkey)"
    r"|remote\.[^.]*\.?.*\.(url|pushurl|fetch|tagopt|prune|skipfetchall|mirror|promisor|partialclonefilter)"
    r"|core\.(bare|filemode|logallrefupdates|repositoryformatversion|ignorecase|precomposeunicode|symlinks"
    r"|autocrlf|eol|safecrlf|quotepath|longpaths|sparsecheckout.*|sharedrepository|untrackedcache|preloadindex"
    r"|whitespace|abbrev|commentchar|compression|commitgraph|multipackindex|protectntfs|protecthfs|trustctime)"
    r"|(pull|push|fetch|rebase|merge|init|color|advice|gc|maintenance|lfs|index|status|log|tag|commit|format)"
    r"\.[a-z]*(default|rebase|prune|ff|auto|autosetup.*|defaultbranch|ui|repositoryformatversion|stat|date)"
    r"|diff\.(renames|algorithm|mnemonicprefix|noprefix|colormoved)|merge\.conflictstyle|rerere\.(enabled|autoupdate)"
    r"|lfs\..*\.(access|locksverify)|gitflow\.(branch|prefix)\..*"
    r"|submodule\..*\.(url|active)|extensions\.(worktreeconfig|partialclone|objectformat|refstorage)",
    re.IGNORECASE,
)


def programs(text: str) -> Sequence[str]:
    """Return the lines of a file of git's configuration that are not known to be harmless, with their sections."""
    section = ""
    kept: list[str] = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        bare = line.strip()
        if not bare or bare[0] in "#;":
            continue
        # There may be several on a line, and the last one counts.
        while match := _SECTION.match(bare):
            section = ".".join(part for part in match.groups() if part)
            bare = bare[match.end() :].strip()
        key = re.split(r"[\s=]", bare, maxsplit=1)[0]
        if bare.startswith("[") or bare.endswith("\\"):
            # No such section, or a line that may go on below: what the rest means to git is not known.
            return [*kept, f"{section}.{bare}", *lines[number + 1 :]]
        if bare and not _HARMLESS.fullmatch(f"{section}.{key}"):
            kept.append(f"{section}.{bare}")
    return kept
