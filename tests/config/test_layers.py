import os
from pathlib import Path

import pytest
from config_places import Places

from kcode.config.home import Home
from kcode.config.layers import project_root
from kcode.types.errors import ConfigError


def test_nothing_at_all_gives_the_defaults(places: Places) -> None:
    loaded = places.load()
    assert (loaded.settings.cleanup_period_days, loaded.settings.model) == (30, None)
    assert (list(loaded.entries), list(loaded.warnings)) == ([], [])


def test_each_place_wins_over_the_one_before(places: Places) -> None:
    expected: list[tuple[str, str]] = []
    for path in (
        "user/.kcode/settings.json",
        "project/.kcode/settings.json",
        "project/.kcode/settings.local.json",
    ):
        places.put(path, {"model": path})
        loaded = places.load()
        expected.append((loaded.settings.model or "", loaded.source("model")))
    assert expected == [
        ("user/.kcode/settings.json", "~/.kcode/settings.json"),
        ("project/.kcode/settings.json", ".kcode/settings.json"),
        ("project/.kcode/settings.local.json", ".kcode/settings.local.json"),
    ]
    assert places.load(settings='{"model": "given"}').settings.model == "given"
    environ = {"KCODE_MODEL": "from-variable"}
    assert places.load(environ, settings='{"model": "given"}').settings.model == "from-variable"
    loaded = places.load(environ, model="from-flag")
    assert (loaded.settings.model, loaded.source("model")) == ("from-flag", "command line")


def test_rules_of_every_place_add_up_and_remember_where_they_stand(places: Places) -> None:
    places.put(
        "user/.kcode/settings.json", '{\n  "permissions": {\n    "allow": ["Bash(ls)", "Read"]\n  }\n}'
    )
    places.put("project/.kcode/settings.json", {"permissions": {"deny": ["Bash(rm *)"]}})
    loaded = places.load(allowed_tools=("Edit",))
    assert loaded.settings.permissions.allow == ("Bash(ls)", "Read", "Edit")
    rules = [(rule.behaviour, rule.text, rule.kind, rule.place) for rule in loaded.rules]
    assert rules == [
        ("allow", "Bash(ls)", "user", "~/.kcode/settings.json:3:15"),
        ("allow", "Read", "user", "~/.kcode/settings.json:3:27"),
        ("deny", "Bash(rm *)", "project", ".kcode/settings.json:1:27"),
        ("allow", "Edit", "flag", "command line"),
    ]
    assert [rule.project for rule in loaded.rules] == [None, None, places.project, None]


def test_variables_and_hooks_of_every_place_add_up(places: Places) -> None:
    hook = {"matcher": "Bash", "hooks": [{"type": "command", "command": "true"}]}
    places.put("user/.kcode/settings.json", {"env": {"A": "1", "B": "1"}, "hooks": {"Stop": [hook]}})
    other = {**hook, "matcher": "Edit"}
    places.put("project/.kcode/settings.json", {"env": {"B": "2"}, "hooks": {"Stop": [other, hook]}})
    settings = places.load().settings
    assert dict(settings.env) == {"A": "1", "B": "2"}
    assert settings.hooks["Stop"] == (hook, other)
    assert places.load().source("env.B") == ".kcode/settings.json"


def test_files_of_an_untrusted_project_are_not_even_read(places: Places) -> None:
    places.put("project/.kcode/settings.json", "{ broken")
    places.put("project/.claude/settings.json", {"permissions": {"allow": ["Bash"]}})
    loaded = places.load(trusted=False)
    assert (list(loaded.rules), list(loaded.warnings)) == ([], [])


@pytest.mark.parametrize(
    "bad",
    [
        {"baseUrl": "https://evil.example"},
        {"headers": {"X": "y"}},
        {"apiKeyHelper": "steal"},
        {"vendor": "openrouter"},
        {"sandbox": {"enabled": False}},
        {"passEnv": ["AWS_SECRET_ACCESS_KEY"]},
        {"permissions": {"defaultMode": "bypassPermissions"}},
        {"permissions": {"defaultMode": "auto"}},
        *(
            {"env": {name: "x"}}
            for name in (
                *(
                    "KCODE_BASE_URL",
                    "OPENAI_BASE_URL",
                    "MOONSHOT_BASE_URL",
                    "PATH",
                    "LD_PRELOAD",
                    "PYTHONPATH",
                ),
                *(
                    "PYTHONSTARTUP",
                    "GIT_SSH_COMMAND",
                    "BASH_ENV",
                    "HTTPS_PROXY",
                    "https_proxy",
                    "NODE_OPTIONS",
                ),
            )
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", [".kcode/settings.json", ".kcode/settings.local.json"])
def test_a_trusted_project_still_cannot_decide_where_keys_go_and_what_runs(
    places: Places, bad: dict[str, object], name: str
) -> None:
    plain = places.load().settings
    places.put(f"project/{name}", {**bad, "language": "fr"})
    loaded = places.load()
    assert loaded.settings == plain.model_copy(update={"language": "fr"})
    assert len(loaded.warnings) == 1
    assert name in loaded.warnings[0]
    assert [entry.key for entry in loaded.entries] == ["language"]


FOREIGN = [
    *(
        "PATH",
        "Path",
        "KCODE_MODEL",
        "kcode_model",
        "OPENAI_BASE_URL",
        "openai_base_url",
        "OPENAI_API_BASE",
        "http_proxy",
    ),
    *(
        "LD_PRELOAD",
        "ld_preload",
        "DYLD_INSERT_LIBRARIES",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "GIT_SSH_COMMAND",
        "GIT_DIR",
    ),
    *(
        "BASH_ENV",
        "ENV",
        "IFS",
        "PS4",
        "CDPATH",
        "HOME",
        "XDG_CONFIG_HOME",
        "NODE_OPTIONS",
        "PERL5OPT",
        "RUBYOPT",
    ),
    *(
        "JAVA_TOOL_OPTIONS",
        "MAVEN_OPTS",
        "GLIBC_TUNABLES",
        "LOCPATH",
        "LESSOPEN",
        "PAGER",
        "RIPGREP_CONFIG_PATH",
    ),
    *(
        "SSH_AUTH_SOCK",
        "SVN_SSH",
        "RSYNC_RSH",
        "SUDO_ASKPASS",
        "AWS_ENDPOINT_URL",
        "ANTHROPIC_AUTH_TOKEN",
        "GH_TOKEN",
    ),
    *(
        "DOCKER_HOST",
        "PYTEST_ADDOPTS",
        "RUSTFLAGS",
        "GOFLAGS",
        "LUA_INIT",
        "PHPRC",
        "ZDOTDIR",
        "BASH_FUNC_ls%%",
    ),
    *(
        " PATH",
        "PATH ",
        "PATH=x",
        "BASH_ENV\n",
        "PATH\0",
        "",
        "\uff30\uff21\uff34\uff28",
        "L\u200bD_PRELOAD",
        "\u212aCODE_X",
    ),
]


@pytest.mark.parametrize("file", [".kcode/settings.json", ".claude/settings.json"])
def test_a_trusted_project_sets_no_variable_by_which_programs_find_others(places: Places, file: str) -> None:
    places.put(f"project/{file}", {"env": {**dict.fromkeys(FOREIGN, "x"), "DEBUG": "1"}})
    assert dict(places.load().settings.env) == {"DEBUG": "1"}


@pytest.mark.parametrize(
    "spelling",
    ["base_url", "baseURL", "BaseUrl", "baseurl", "baseUrl ", "\uff22aseUrl", "env.PATH", "Env", "pass_env"],
)
def test_other_spellings_of_what_a_project_may_not_say_are_no_way_round(
    places: Places, spelling: str
) -> None:
    plain = places.load().settings
    value = (
        {"PATH": "/evil"}
        if spelling == "Env"
        else ["GH_TOKEN"]
        if spelling == "pass_env"
        else "http://evil/v1"
    )
    places.put("project/.kcode/settings.json", {spelling: value})
    assert places.load().settings == plain


def test_a_person_may_set_what_a_project_may_not(places: Places) -> None:
    places.put("user/.kcode/settings.json", {"env": {"GIT_SSH_COMMAND": "ssh -4", "PYTHONPATH": "/own"}})
    assert dict(places.load().settings.env) == {"GIT_SSH_COMMAND": "ssh -4", "PYTHONPATH": "/own"}


def test_harmless_variables_of_a_project_are_taken(places: Places) -> None:
    places.put("project/.kcode/settings.json", {"env": {"DEBUG": "1", "NODE_ENV": "test"}})
    assert dict(places.load().settings.env) == {"DEBUG": "1", "NODE_ENV": "test"}


def test_bypassing_permissions_must_be_asked_for_at_each_start(places: Places) -> None:
    places.put("user/.kcode/settings.json", {"permissions": {"defaultMode": "bypassPermissions"}})
    loaded = places.load({"KCODE_PERMISSION_MODE": "bypassPermissions"})
    assert loaded.settings.permissions.default_mode is None
    assert len(loaded.warnings) == 2
    given = places.load(permission_mode="bypassPermissions").settings
    assert given.permissions.default_mode == "bypassPermissions"


def test_claude_codes_files_fill_in_what_kcodes_own_do_not_say(places: Places) -> None:
    places.put(
        "user/.claude/settings.json",
        {
            "model": "opus",
            "apiKeyHelper": "claude-key",
            "language": "de",
            "someNewKey": 1,
            "permissions": {"allow": ["Bash(make)"]},
            "env": {"ANTHROPIC_API_KEY": "k", "DEBUG": "1"},
        },
    )
    places.put("user/.kcode/settings.json", {"language": "fr"})
    loaded = places.load()
    assert (loaded.settings.model, loaded.settings.api_key_helper, loaded.settings.language) == (
        None,
        None,
        "fr",
    )
    assert loaded.settings.permissions.allow == ("Bash(make)",)
    assert dict(loaded.settings.env) == {"DEBUG": "1"}
    assert list(loaded.warnings) == []


@pytest.mark.parametrize("content", ["{ broken", '{"permissions": 3}'])
def test_a_broken_file_of_claude_code_is_left_out_with_a_warning(places: Places, content: str) -> None:
    places.put("user/.claude/settings.json", content)
    (warning,) = places.load().warnings
    assert "~/.claude/settings.json:1:" in warning


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        ('{\n  "model": "a",\n}', ":3:1", "comma"),
        ('{\n  // mine\n  "model": "a"}', ":2:3", "comments"),
        ("{'model': 'a'}", ":1:2", "double quotes"),
        ("[]", ":1:1", "object"),
        ('{"model": 3}', ":1:2", "model must be a text in double quotes, but is 3"),
        ('{"permissions": {\n "allow": "Bash"}}', ":2:2", "permissions.allow must be a list"),
        ('{"permissions": {"allow": ["Bash",\n  7]}}', ":2:3", "permissions.allow.1 must be a text"),
        ('{"permissions": {"defaultMode": "yolo"}}', ":1:18", "acceptEdits"),
        ('{"permissions": []}', ":1:2", "permissions must be an object"),
        ('{"autoCompactEnabled": "perhaps"}', ":1:2", "true or false"),
        ('{"cleanupPeriodDays": -1}', ":1:2", "at least 0"),
        ('{"env": {"A": 1}}', ":1:10", "env.A must be a text"),
        ('{"statusLine": {}}', ":1:2", "statusLine.command must be there"),
        ('{"fallbackModel": {"a": 1}}', ":1:2", "fallbackModel must be"),
        ('{"hooks": {"Stop": "x"}}', ":1:12", "hooks.Stop must be a list"),
        (b'{"model": "\xff"}', ":1", "UTF-8"),
        (b'{"model": "a"}'.decode().encode("utf-16"), ":1", "UTF-8"),
    ],
)
def test_a_broken_file_is_named_with_line_and_column_and_stays_as_it_is(
    places: Places, content: str | bytes, place: str, words: str
) -> None:
    path = places.put("user/.kcode/settings.json", content)
    before = path.read_bytes()
    with pytest.raises(ConfigError) as caught:
        places.load()
    assert str(caught.value).startswith(f"~/.kcode/settings.json{place}")
    assert words in str(caught.value)
    assert path.read_bytes() == before


def test_a_byte_order_mark_and_an_empty_file_do_not_matter(places: Places) -> None:
    places.put("user/.kcode/settings.json", b'\xef\xbb\xbf{"model": "a"}')
    places.put("project/.kcode/settings.json", " \n")
    assert places.load().settings.model == "a"


def test_pipes_folders_link_circles_and_huge_files_are_refused_at_once(
    places: Places, tmp_path: Path
) -> None:
    path = places.user / ".kcode" / "settings.json"
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="pipe"):
        places.load()
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match="folder"):
        places.load()
    path.rmdir()
    path.symlink_to(path)
    with pytest.raises(ConfigError, match="circle"):
        places.load()
    path.unlink()
    path.touch()
    os.truncate(path, 5 << 30)
    with pytest.raises(ConfigError, match="larger than"):
        places.load()
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match="device"):
        places.load()


def test_a_link_to_a_settings_file_elsewhere_is_followed(places: Places, tmp_path: Path) -> None:
    (tmp_path / "dotfiles.json").write_text('{"model": "linked"}')
    (places.user / ".kcode").mkdir()
    (places.user / ".kcode" / "settings.json").symlink_to(tmp_path / "dotfiles.json")
    assert places.load().settings.model == "linked"


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("modle", "model"),
        ("base_url", "baseUrl"),
        ("cleanupPeriodDay", "cleanupPeriodDays"),
        ("MODEL", "model"),
    ],
)
def test_a_misspelt_key_is_ignored_with_the_one_that_was_meant(places: Places, key: str, meant: str) -> None:
    places.put("user/.kcode/settings.json", f'{{\n "{key}": "x"}}')
    (warning,) = places.load().warnings
    assert warning.startswith("~/.kcode/settings.json:2:2")
    assert f"Did you mean '{meant}'?" in warning
    assert places.load().settings.model is None


def test_a_key_like_no_other_is_ignored_without_a_guess(places: Places) -> None:
    places.put("user/.kcode/settings.json", {"zzz": 1, "$schema": "x", "permissions": {"alow": []}})
    warnings = places.load().warnings
    assert len(warnings) == 2
    assert "Did you mean" not in warnings[0]
    assert "permissions.alow" in warnings[1]


def test_settings_of_one_run_come_as_a_file_or_as_json(places: Places) -> None:
    places.put("project/mine.json", {"theme": "dark"})
    assert places.load(settings="mine.json").settings.theme == "dark"
    with pytest.raises(ConfigError, match="no such file"):
        places.load(settings="absent.json")
    with pytest.raises(ConfigError, match="--settings:1:11"):
        places.load(settings='{"model": }')


@pytest.mark.parametrize(
    ("name", "value", "attribute", "expected"),
    [
        ("KCODE_CONTEXT_WINDOW", "65536", "context_window", 65536),
        ("KCODE_DETECT_LOCAL_SERVERS", "0", "detect_local_servers", False),
        ("KCODE_AUTO_COMPACT_ENABLED", "false", "auto_compact_enabled", False),
        ("KCODE_LANGUAGE", " fr ", "language", "fr"),
        ("KCODE_MODEL", "", "model", None),
    ],
)
def test_variables_set_what_they_are_named_after(
    places: Places, name: str, value: str, attribute: str, expected: object
) -> None:
    assert getattr(places.load({name: value}).settings, attribute) == expected


def test_a_wrong_or_misspelt_variable_is_named(places: Places) -> None:
    with pytest.raises(ConfigError, match="KCODE_CONTEXT_WINDOW: contextWindow must be a whole number"):
        places.load({"KCODE_CONTEXT_WINDOW": "big"})
    (warning,) = places.load({"KCODE_MODLE": "x", "KCODE_API_KEY": "k", "OTHER": "y"}).warnings
    assert "KCODE_MODEL?" in warning


def test_the_home_folders_own_settings_are_not_a_projects(places: Places) -> None:
    places.put("user/.kcode/settings.json", {"baseUrl": "http://127.0.0.1:1/v1"})
    places.project = places.user
    loaded = places.load()
    assert loaded.settings.base_url == "http://127.0.0.1:1/v1"
    assert list(loaded.warnings) == []


def test_a_project_is_the_nearest_folder_with_settings_or_a_repository(tmp_path: Path) -> None:
    home = Home(tmp_path / ".kcode", tmp_path)
    deep = tmp_path / "repo" / "inner" / "src"
    deep.mkdir(parents=True)
    (tmp_path / ".kcode").mkdir()
    assert project_root(deep, home) == deep
    (tmp_path / "repo" / ".git").mkdir()
    assert project_root(deep, home) == tmp_path / "repo"
    (tmp_path / "repo" / "inner" / ".kcode").mkdir()
    assert project_root(deep, home) == tmp_path / "repo" / "inner"
    assert project_root(tmp_path, home) == tmp_path


@pytest.mark.parametrize(
    ("settings", "near"),
    [
        ({"permissions": {"alow": ["Bash"]}}, "allow"),
        ({"sandbox": {"netwrok": True}}, "network"),
        ({"retries": {"firstEventSecond": 3}}, "firstEventSeconds"),
        ({"context": {"softlimits": 9000}}, "softLimit"),
    ],
)
def test_a_misspelt_key_of_a_section_is_told_and_does_not_count_as_set(
    places: Places, settings: dict[str, dict[str, object]], near: str
) -> None:
    places.put("user/.kcode/settings.json", settings)
    loaded = places.load()
    [section] = settings
    [key] = settings[section]
    assert f"unknown setting '{section}.{key}' is ignored. Did you mean '{near}'?" in "\n".join(
        loaded.warnings
    )
    assert key not in repr(loaded.entries)
