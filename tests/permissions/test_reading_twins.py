"""What may run unasked, each form beside the twin of it that must not."""

import pytest
from permission_cases import bash_rules, decision_on

TWINS = [
    ("awk 'length > 100' f", "awk 'length > 100 {print > \"out\"}' f"),
    ("awk '$3 > 100 {print $1}' f", "awk '{print $1 > $3}' f"),
    ("awk '{if ($2 > max) max = $2} END {print max}' f", 'awk \'BEGIN {printf "x" >> "out"}\''),
    ("awk '{print NR}' f", "awk '{print SYMTAB[\"x\"]}' f"),
    ("strings a.bin", "strings @/etc/passwd"),
    ("base64 -w 0 a.png", "base64 -i a.png -o out"),
    ("base64 --wrap=0 a.png", "base64 --out=out a.png"),
    ("file -b --mime-type a", "file --files-from list"),
    ("file a", "file --uncompress a"),
    ("file a", "file -p a"),
    ("printf '%s %d' a 1", "printf %n PATH"),
    ("printf -- '%s' a", "printf -- %n PATH"),
    ("printf '%5.2f' 1", "printf %ln PATH"),
    ("printf '%%n' a", "printf '%hhn' PATH"),
    ("find -E . -name x", "find -E /etc -name x"),
    ("find . -d -name x", "find -dx /etc"),
    ("find -L src -name x", "find -Lf/etc"),
    ("find -x src", "find -f .. -name x"),
    ("ls .g*", "ls .*"),
    ("ls ..x*", "cat ..*/x"),
    ("ls .[a-z]*", "ls .[!a]*/x"),
    ("grep --exclude '*.min.js' x a", "grep --exclude-from /etc/passwd x a"),
    ("grep --exclude-dir=x -rn y .", "grep --exclude-fr /etc/passwd x a"),
    ("jq '.a' f.json", "jq 'modulemeta' f.json"),
    ("jq . f.json", "jq --run-tests tests"),
    ("date -d yesterday", "date -s yesterday"),
    ("date --date='1 week ago' +%F", "date --set='1 week ago'"),
    ("date -d @1700000000 -u", "date 010100002024"),
    ("date -r 1700000000", "date -r /etc/passwd"),
    ("date -v-1d +%F", "date -f list"),
    ("df -h .", "df -h /etc"),
    ("df -t ext4", "df ~"),
    ('basename "$PWD"', 'basename "$API_TOKEN"'),
    ("basename src/*.py", "basename -a /etc/*"),
    ('dirname "$0"', 'dirname "$(id)"'),
    ("which python3", "which /etc/*"),
    ("expr 1 + 2", 'expr "$DB_PASSWORD" : x'),
    ("getconf _NPROCESSORS_ONLN", "getconf -v ../../ws/x PATH_MAX"),
    ("hostname -s", "hostname other"),
    ("umask", "umask 0"),
    ("ulimit -n", "ulimit -c unlimited"),
    ("jobs -l", "jobs -x id"),
    ("exit 1", "exit $(id)"),
    ("bc <<< 1+2", "bc script"),
    ("shuf -n 3 f", "shuf -o out f"),
    ("shuf -i 1-9", "shuf --random-source=/etc/passwd f"),
    ("sha512sum f", "sha512sum /etc/passwd"),
    ("pr -l 60 f", "pr -l 60 ../f"),
    ('[ "$x" -gt 3 ] && echo more', "[[ $x -gt 3 ]] && echo more"),
    ('[ "$#" = 0 ]', "[ $x -gt 3 ]"),
    ('while IFS= read -r line; do echo "$line"; done < f', "IFS=/ ls"),
    ('while IFS=, read -r a b; do echo "$b"; done < f', "IFS=$X read -r a < f"),
    ("PAGER=cat ls", "PAGER=./x ls"),
    ("PYTHONUNBUFFERED=1 ls", "PYTHONSTARTUP=x ls"),
    ("cat <<< hello", 'cat <<< "$GITHUB_TOKEN"'),
    ('read -r x <<< "$HOME"; echo "$x"', 'read -r x <<< "$PGPASSWORD"; echo "$x"'),
    ('for x in "$HOME"; do echo "$x"; done', 'for x in "$NPM_TOKEN"; do echo "$x"; done'),
    ('echo "$PWD $OLDPWD"', 'echo "$MYSQL_PWD"'),
]


@pytest.mark.parametrize(("harmless", "twin"), TWINS)
def test_a_form_that_only_reads_needs_no_rule_and_its_twin_asks(harmless: str, twin: str) -> None:
    assert (decision_on(harmless), decision_on(twin)) == ("allow", "ask")


@pytest.mark.parametrize(
    "command",
    [
        "npm --version",
        "yarn --version",
        "cargo --version",
        "go version",
        "pytest --version",
        "find . -name x -exec grep -l y {} +",
        "find . -name '*.py' | xargs grep -l x",
        "ps aux | grep node",
        "env | sort",
        "echo $((1 + 2))",
        "set -e; ls",
        "x=1; echo $x",
    ],
)
def test_what_may_run_something_of_the_folder_or_cannot_be_followed_asks(command: str) -> None:
    assert decision_on(command) == "ask"


FREE = bash_rules(allow=["*"], deny=["rm:*", "git push:*", "curl:*"])
BYPASS = bash_rules(deny=["rm:*", "git push:*", "curl:*"])


@pytest.mark.parametrize(
    "command",
    [
        "watch 'ls; rm x'",
        "watch -n 1 ls '&&' rm x",
        "script --comm 'rm x'",
        "script -q /dev/null rm x",
        "xargs -J % rm %",
        "xargs -R 5 rm",
        "fd -x rm",
        "fd --exec=rm x",
        "fd -HX rm ';' x",
        "env -P /bin rm x",
        "env --argv0 x rm y",
        "chrt -T 1 -f 2 rm x",
        "unshare --map-user 0 rm x",
        "tini -- rm x",
        "gosu user rm x",
        "git send-email --to-cmd='rm x' y",
    ],
)
def test_a_denied_command_is_found_behind_more_ways_to_run_one(command: str) -> None:
    assert decision_on(command, FREE) == "deny"
    assert decision_on(command, BYPASS, "bypassPermissions") == "deny"


@pytest.mark.parametrize(
    "command",
    [
        "npm exec -- rm x",
        "uv run git push",
        "docker exec c rm x",
        "ssh host 'rm x'",
        "ssh -oProxyCommand='rm x' host",
        "unknown-runner --flag value rm x",
        "unknown-runner /bin/rm x",
        "hyperfine 'ls; rm x'",
        "nodemon --exec 'rm x'",
        "make --eval='x:;rm y'",
        "echo 'r''m x' | sh -s y",
        'for x in --compress-program=r``m; do sort "$x" a; done',
        'x=--compress-program=r``m; sort "$x" a',
        "bash -es y < x",
        "vim -c '!rm x' -c q",
        "less '+!rm x' a",
        "gdb -batch -ex 'shell rm x'",
        "tclsh <<< 'exec r''m x'",
        'read -r x < a; : "${x@P}"',
        ": ${!x}",
    ],
)
def test_a_denied_command_among_the_arguments_of_another_asks(command: str) -> None:
    assert decision_on(command, FREE) == "ask"
    assert decision_on(command, BYPASS, "bypassPermissions") == "ask"
    assert decision_on("npm exec rm x", bash_rules(allow=["npm:*"], deny=["rm:*"])) == "ask"


@pytest.mark.parametrize(
    "command",
    [
        "npm install curl",
        "uv pip install curl",
        "docker rm x",
        "git rm x",
        "git commit -m 'rm what is unused'",
        "pytest tests/rm",
        "docker run --rm image",
        "gh pr create --title 'fix: curl is gone'",
        "grep -rn curl src",
        "touch rm",
        "timeout 5 grep rm f",
        "ls | xargs grep -l rm",
        "RM=1 make",
        'for f in $(ls); do echo "$f"; done',
    ],
)
def test_the_name_of_a_denied_command_may_be_said(command: str) -> None:
    assert decision_on(command, FREE) == "allow"
    assert decision_on(command, BYPASS, "bypassPermissions") == "allow"


def test_capitals_hide_no_command_that_cannot_be_taken_back() -> None:
    assert decision_on("RM -rf /", bash_rules(), "bypassPermissions") == "ask"
    assert decision_on("Shutdown now", bash_rules(), "bypassPermissions") == "ask"


def test_reading_a_protected_file_with_sed_is_no_change_to_it() -> None:
    assert decision_on("sed -n 1,5p .git/config", bash_rules(), "bypassPermissions") == "allow"
    for command in ("sed -i d .git/config", "sed -ni p .git/config", "sed --in-pl=.b d .git/config"):
        assert decision_on(command, bash_rules(), "bypassPermissions") == "ask"


@pytest.mark.parametrize(
    "command",
    [
        'for f in *.py; do wc -l "$f"; done',
        'for f in src/*.ts; do echo "== $f"; head -5 "$f"; done',
        'for f in a b c; do grep -n foo "${f}"; done',
        'for f in a.py b.py; do if [ -f "$f" ]; then cat "$f"; fi; done',
        'for d in src tests; do ls "$d" | wc -l; done',
        "for f in 'a b' c; do cat \"$f\"; done",
        'for f in a; do while read -r x; do echo "$x"; done < c; wc "$f"; done',
        'for f in a\ndo\n  cat "$f"\ndone',
    ],
)
def test_a_loop_over_words_that_are_written_there_reads_what_each_of_them_would(command: str) -> None:
    assert decision_on(command) == "allow"
    assert decision_on(command, bash_rules(allow=["cat:*", "wc:*", "head:*", "ls:*", "grep:*"])) == "allow"


@pytest.mark.parametrize(
    "command",
    [
        'for f in *; do file "${f}"; done',
        'for f in a; do for g in b; do diff "$f" "$g"; done; done',
        'for f in /etc/*; do cat "$f"; done',
        'for f in .env; do cat "$f"; done',
        'for f in *.pem; do cat "$f"; done',
        'for f in ../*; do cat "$f"; done',
        'for f in ~/x; do cat "$f"; done',
        'for f in *; do sed -n 1p "$f"; done',
        'for f in -o; do sort "$f" a; done',
        'for f in *; do sort "$f"; done',
        'for f in *; do uniq a "$f"; done',
        'for f in a b; do uniq a "$f"; done',
        "for f in a; do cat $f; done",
        "for f in *.py; do cat $f; done",
        'for f in a; do :; done; cat "$f"',
        'false && for f in a; do :; done; cat "$f"',
        'cat "$f"; for f in a; do :; done',
        'for f in a; do read -r f < list; cat "$f"; done',
        'for f in a; do while read -r f; do cat "$f"; done < list; done',
        'for f in a; do for f in /etc/passwd; do cat "$f"; done; done',
        'for f in $X; do cat "$f"; done',
        'for f in $(ls); do cat "$f"; done',
        'for f; do cat "$f"; done',
        'for f in a; { cat "$f"; }',
        'for f in a; { :; }; while read x; do cat "$f"; done',
        'for f in a; do echo $(for f in b; do :); cat "$f"; done',
        'for f in a; do done; cat "$f"',
        'for f in id; do "$f"; done',
        'for f in id; do timeout 5 "$f"; done',
        'for f in id; do nice "$f" x; done',
        "for f in -exec; do find . \"$f\" id ';'; done",
        'for f in 1e\\ id; do sed "$f" a; done',
        'for f in \'{print > "x"}\'; do awk "$f" a; done',
        "for f in a; do bash -c 'cat \"$f\"'; done",
        'for f in a; do cat < "$f"; done',
        'for f in /etc/passwd; do cat < "$f"; done',
        'for f in a; do ls > "$f"; done',
        'for f in a; do cat x"$f"; done',
        'for f in a; do mapfile -t f < list; cat "$f"; done',
        'for f in a; do read -af list; cat "$f"; done',
        'for f in a; do unset f; cat "$f"; done',
        'for f in a; do cat "$f"; done; bash -c \'for g in b; do cat "$g"; done\'',
        'for f in a; do cat "$f"; done; bash -c \'for f in a; do read -r f; cat "$f"; done\'',
        'for f in a; do printf -vf /etc/passwd; cat "$f"; done',
        'for f in a; do f=/etc/passwd; cat "$f"; done',
    ],
)
def test_a_loop_whose_variable_can_hold_something_else_asks(command: str) -> None:
    assert decision_on(command) == "ask"
    wide = bash_rules(
        allow=["cat:*", "sort:*", "read:*", "mapfile:*", "unset:*", "printf:*", "bash:*", "find:*"]
    )
    assert decision_on(command, wide) == "ask"


def test_rules_against_files_and_commands_hold_in_each_round_of_a_loop() -> None:
    from kcode.permissions.rules import parse_rules

    rules = parse_rules(deny=["Read(./secret)", "Bash(cat b)"], allow=["Bash"])
    assert decision_on('for f in a secret; do cat "$f"; done', rules) == "deny"
    assert decision_on('for f in a b; do cat "$f"; done', rules) == "deny"
    assert decision_on('for f in a c; do cat "$f"; done', rules) == "allow"
