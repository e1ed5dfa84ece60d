"""Takes secrets out of text before it is logged, stored or shown."""

import re
from collections.abc import Collection

from kcode.screen.secrets import spellings

PLACEHOLDER = "[redacted]"

_TOKENS = re.compile(
    r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}"
    r"|\bgithub_pat_[A-Za-z0-9_]{40,}"
    r"|\bgl(?:pat|ptt|dt|rt|cbt|ft|soat)-[A-Za-z0-9_-]{20,}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|\bxapp-[A-Za-z0-9-]{20,}"
    r"|\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"
    r"|\bAIza[A-Za-z0-9_-]{35}"
    r"|\bya29\.[A-Za-z0-9_-]{20,}"
    r"|\bhf_[A-Za-z0-9]{30,}"
    r"|\bnpm_[A-Za-z0-9]{30,}"
    r"|\bpypi-[A-Za-z0-9_-]{40,}"
    r"|\bdop_v1_[a-f0-9]{60,}"
    r"|\bSG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"
    r"|\bkey-[0-9a-f]{32}\b"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
    r"|\bAGE-SECRET-KEY-1[A-Z0-9]{50,}"
    r"|\b(?:gsk|r8|figd|lin_api|dckr_pat)_[A-Za-z0-9_-]{24,}"
    r"|\b(?:tvly|pplx|xai)-[A-Za-z0-9-]{24,}"
    r"|https://hooks\.slack\.com/services/[A-Za-z0-9/_-]{20,}"
)
_SK = re.compile(r"\bsk-[A-Za-z0-9_-]{20,}")
_LONG_RUN = re.compile(r"[A-Za-z0-9_]{16}")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?)-----.*?(?:-----END \1-----|\Z)",
    re.DOTALL,
)
_AUTHORIZATION = re.compile(
    r"(?P<keep>\b(?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token|apikey)?\s+|\bbearer\s+)"
    r"(?P<secret>[A-Za-z0-9._~+/=-]{8,})",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(
    r"(?P<keep>\b[a-z][a-z0-9+.-]*://[^/\s:@\"']{0,200}:)(?P<secret>[^/\s@\"']{1,200})(?=@)", re.IGNORECASE
)
# A name that says what its value is. The word before "key" decides: api_key is a secret, monkey_key may be anything.
_ASSIGNED = re.compile(
    r"(?P<keep>(?<![A-Za-z0-9])"
    r"(?:(?:api|access|auth|secret|private|signing|encryption|account|master|service)[_-]?key(?:[_-]?id)?"
    r"|(?:access|auth|refresh|id|session|bearer|api|bot|user|security)?[_-]?token"
    r"|(?:client[_-]?)?secret|password|passwd|passphrase|pwd|credentials?|cookie|connection[_-]?string)"
    r"[\"']?\s*(?::=|=>|[:=])\s*)"
    r"(?:(?P<quote>[\"'])(?P<quoted>[^\"'\s]{6,500})(?P=quote)|(?P<bare>[A-Za-z0-9+/_.~=-]{12,500}))",
    re.IGNORECASE,
)
# Looking for plain words first is twenty times faster than trying the patterns everywhere.
_TOKEN_HINTS = (
    *(
        "_live_",
        "_test_",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "glptt-",
        "gldt-",
        "glrt-",
    ),
    *(
        "glcbt-",
        "glft-",
        "glsoat-",
        "xox",
        "xapp-",
        "AKIA",
        "ASIA",
        "ABIA",
        "ACCA",
        "AIza",
        "ya29.",
        "hf_",
        "npm_",
    ),
    *("gsk_", "r8_", "figd_", "lin_api_", "dckr_pat_", "tvly-", "pplx-", "xai-"),
    *("pypi-", "dop_v1_", "SG.", "key-", "eyJ", "AGE-SECRET-KEY-1", "hooks.slack.com"),
)
_ASSIGNED_HINTS = ("key", "token", "secret", "passw", "passph", "pwd", "credential", "cookie", "connection")
_PLACEHOLDERS = re.compile(
    r"^(?:\$|%|<|\{|\[|x+$|\*+$|\.+$|your[_-]|example|changeme|placeholder|redacted|none$|null$|true$|false$|undefined$"
    r"|os\.|env\.|process\.|self\.|settings\.|config\.|secrets\.|getenv|test[_-]?)",
    re.IGNORECASE,
)


def redact(text: str, known: Collection[str] = ()) -> str:
    """Return text with its secrets replaced.

    Args:
        text: anything.
        known: secrets in use, replaced wherever and however they stand; those shorter than eight characters are not,
            since they would match by chance.
    """
    for secret in sorted(known, key=len, reverse=True):
        for spelling in spellings(secret):
            text = text.replace(spelling, PLACEHOLDER)
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(PLACEHOLDER, text)
    if "sk-" in text:
        text = _SK.sub(lambda m: PLACEHOLDER if _LONG_RUN.search(m[0]) else m[0], text)
    if any(hint in text for hint in _TOKEN_HINTS):
        text = _TOKENS.sub(PLACEHOLDER, text)
    if "://" in text:
        text = _URL_PASSWORD.sub(_keep_name, text)
    lower = text.lower()
    if "authorization" in lower or "bearer" in lower:
        text = _AUTHORIZATION.sub(_authorization, text)
    if any(hint in lower for hint in _ASSIGNED_HINTS):
        text = _ASSIGNED.sub(_assigned, text)
    return text


def _keep_name(match: re.Match[str]) -> str:
    return match[0] if match["secret"] in PLACEHOLDER else match["keep"] + PLACEHOLDER


def _authorization(match: re.Match[str]) -> str:
    # "Authorization: required" is a sentence.
    word = match["secret"]
    return match[0] if word.isalpha() and word.islower() and len(word) < 16 else _keep_name(match)


def _assigned(match: re.Match[str]) -> str:
    quote, value = match["quote"] or "", match["quoted"] or match["bare"]
    if not _looks_secret(value, quoted=bool(quote)):
        return match[0]
    return f"{match['keep']}{quote}{PLACEHOLDER}{quote}"


def _looks_secret(value: str, *, quoted: bool) -> bool:
    """Whether a value is more than a word of a program's text: it mixes letters with digits or signs."""
    if _PLACEHOLDERS.match(value) or PLACEHOLDER in value:
        return False
    digits = any(c.isdigit() for c in value)
    letters = any(c.isalpha() for c in value)
    if quoted:
        return digits and (letters or len(value) >= 12)
    return digits and letters and not re.fullmatch(r"[a-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+", value)
