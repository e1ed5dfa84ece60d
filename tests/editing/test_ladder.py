"""The ladder, rung by rung, and what no rung may do."""

import pytest

from kcode.editing import Edit, EditRefused, LineRange, apply, apply_all, edit, edit_all


def refusal(text: str, old: str, new: str, *, replace_all: bool = False) -> EditRefused:
    with pytest.raises(EditRefused) as caught:
        apply(text, old, new, replace_all)
    return caught.value


class TestExact:
    def test_a_unique_text_is_replaced_literally(self):
        assert apply("a = 1\nb = 2\n", "b = 2", r"b = \1 $& {0} %s &lt;") == "a = 1\nb = \\1 $& {0} %s &lt;\n"

    def test_it_may_start_and_end_inside_lines(self):
        assert apply("foo(bar, baz)\n", "bar, b", "x, ") == "foo(x, az)\n"

    def test_exact_beats_a_lookalike(self):
        text = "if x:\n    run()\n\nif x:\n  run()\n"
        assert apply(text, "if x:\n  run()", "if x:\n  stop()") == "if x:\n    run()\n\nif x:\n  stop()\n"

    def test_overlapping_occurrences_are_several(self):
        assert refusal("aaa\n", "aa", "b").reason == "ambiguous"

    def test_replace_all_replaces_left_to_right_without_overlap(self):
        assert apply("aaaa a\n", "aa", "b", replace_all=True) == "bb a\n"

    def test_replace_all_does_not_loosen_the_match(self):
        assert refusal("\tfoo()\nx\n\tfoo()\n", "  foo()", "  bar()", replace_all=True).reason == "ambiguous"

    def test_an_empty_file_can_be_filled(self):
        assert apply("", "", "x = 1\n") == "x = 1\n"

    @pytest.mark.parametrize("text", ["x = 1\n", "\n"])
    @pytest.mark.parametrize("old", ["", " ", "\n\n", "\t", "\u00a0"])
    def test_a_blank_old_names_no_place(self, text: str, old: str):
        assert refusal(text, old, "y").reason == "blank_old"

    @pytest.mark.parametrize(("old", "new"), [("a", "a"), ("a\r\nb", "a\nb")])
    def test_old_that_equals_new_changes_nothing(self, old: str, new: str):
        assert refusal("a\nb\n", old, new).reason == "no_change"

    def test_a_deletion_is_literal(self):
        assert apply("a\nb\nc\n", "b\n", "") == "a\nc\n"
        assert apply("a\nb\nc\n", "b", "") == "a\n\nc\n"

    def test_a_literal_escape_in_the_file_is_not_an_escape(self):
        text = 'print("a\\nb")\n'
        assert apply(text, 'print("a\\nb")', 'print("a\\nc")') == 'print("a\\nc")\n'

    def test_new_that_repeats_a_flush_old_line_is_meant_relative_to_it(self):
        text = "def f():\n    if a:\n        run()\n"
        assert apply(text, "run()", "if b:\n    stop()\nrun()") == (
            "def f():\n    if a:\n        if b:\n            stop()\n        run()\n"
        )

    def test_lines_before_a_repeated_first_line_are_relative_to_it_too(self):
        text = "def f():\n    a()\n    b()\n"
        assert apply(text, "a()\n    b()", "new()\na()\n    b()") == "def f():\n    new()\n    a()\n    b()\n"

    def test_a_line_typed_with_half_its_indentation_gets_all_of_it_back(self):
        text = "class A:\n    def f(self):\n        a()\n        b()\n"
        assert apply(text, "    a()", "    if c:\n        a()") == (
            "class A:\n    def f(self):\n        if c:\n            a()\n        b()\n"
        )

    @pytest.mark.parametrize("tail", ["  ", "    "])
    def test_blanks_after_the_last_line_do_not_cut_into_the_next_one(self, tail: str):
        text = "def f():\n    a()\n    b()\n"
        assert apply(text, f"    a()\n{tail}", "    c()\n") == "def f():\n    c()\n    b()\n"

    def test_new_lines_that_come_out_flush_are_pointed_out(self):
        done = edit("def f():\n    return 1\n", "return 1", "return 1\n\n\ndef g():\n    return 2")
        assert done.text == "def f():\n    return 1\n\n\ndef g():\n    return 2\n"
        assert done.adapted

    def test_separators_that_are_no_line_endings_stay_inside_lines(self):
        text = "a\u2028b\x0cc\x85d\x1ce\nnext\n"
        assert apply(text, "b\x0cc", "B\x0cC") == "a\u2028B\x0cC\x85d\x1ce\nnext\n"


class TestIndentation:
    def test_a_makefile_keeps_its_tabs(self):
        text = "all:\n\tgcc -o a a.c\n\tstrip a\n"
        assert apply(text, "    gcc -o a a.c\n    strip a", "    gcc -O2 -o a a.c\n    strip a") == (
            "all:\n\tgcc -O2 -o a a.c\n\tstrip a\n"
        )

    @pytest.mark.parametrize("width", [2, 3, 4, 8])
    def test_blanks_become_the_files_tabs_at_every_depth(self, width: int):
        s = " " * width
        text = "func f() {\n\tif a {\n\t\tx()\n\t}\n}\n"
        old = f"{s}if a {{\n{s}{s}x()\n{s}}}"
        new = f"{s}if a {{\n{s}{s}for b {{\n{s}{s}{s}x()\n{s}{s}}}\n{s}}}"
        assert apply(text, old, new) == "func f() {\n\tif a {\n\t\tfor b {\n\t\t\tx()\n\t\t}\n\t}\n}\n"

    def test_tabs_become_the_files_blanks(self):
        text = "class A:\n  def f(self):\n    return 1\n"
        old, new = "\tdef f(self):\n\t\treturn 1", "\tdef f(self):\n\t\tif x:\n\t\t\treturn 2\n\t\treturn 1"
        assert apply(text, old, new) == "class A:\n  def f(self):\n    if x:\n      return 2\n    return 1\n"

    def test_a_block_copied_without_its_indentation_goes_back_with_it(self):
        text = "class A:\n    def f(self):\n        return 1\n\n    x = 2\n"
        assert apply(text, "def f(self):\n    return 1", "def f(self, y):\n    return y") == (
            "class A:\n    def f(self, y):\n        return y\n\n    x = 2\n"
        )

    def test_one_step_of_the_model_is_one_step_of_the_file(self):
        text = "def f():\n    a()\n    b()\n"
        assert (
            apply(text, "  a()\n  b()", "  if c:\n    a()\n  b()")
            == "def f():\n    if c:\n        a()\n    b()\n"
        )

    def test_continuation_lines_keep_the_files_alignment(self):
        text = "    call(first,\n         second,\n         third)\n"
        assert apply(text, "call(first,\n     second,\n     third)", "call(first,\n     2,\n     third)") == (
            "    call(first,\n         2,\n         third)\n"
        )

    def test_yaml_nested_lists_keep_their_depth(self):
        text = "jobs:\n  build:\n    steps:\n      - run: make\n      - run: test\n"
        assert apply(text, "- run: make\n- run: test", "- run: make all\n- run: lint\n- run: test") == (
            "jobs:\n  build:\n    steps:\n      - run: make all\n      - run: lint\n      - run: test\n"
        )

    def test_lost_indentation_is_taken_from_the_file_line_by_line(self):
        text = "def f():\n    if a:\n        b()\n    c()\n"
        assert (
            apply(text, "if a:\nb()\nc()", "if a:\nb(1)\nc()")
            == "def f():\n    if a:\n        b(1)\n    c()\n"
        )

    def test_a_new_line_between_lines_of_lost_depth_is_not_guessed(self):
        text = "def f():\n    if a:\n        b()\n    c()\n"
        assert refusal(text, "if a:\nb()\nc()", "if a:\nb()\nd()\nc()").reason == "unclear"

    def test_comment_stars_stay_aligned_behind_added_tabs(self):
        text = "\t/*\n\t * one\n\t * two\n\t */\n"
        old = "    /*\n     * one\n     * two\n     */"
        new = "    if (a) {\n        /*\n         * one\n         * two\n         */\n    }"
        assert apply(text, old, new) == "\tif (a) {\n\t\t/*\n\t\t * one\n\t\t * two\n\t\t */\n\t}\n"

    def test_places_that_differ_in_indentation_only_are_several(self):
        text = "if a:\n    x()\n    y()\nelse:\n  x()\n  y()\n"
        assert refusal(text, "\tx()\n\ty()", "\tx()\n\tz()").reason == "ambiguous"


class TestBlanks:
    def test_trailing_blanks_of_old_do_not_matter_and_those_of_the_file_stay(self):
        text = "a  \nb\t\nc\n"
        assert apply(text, "a\nb\nc ", "a\nB\nc ") == "a  \nB\t\nc\n"

    def test_a_markdown_hard_break_survives_a_change_of_its_line(self):
        text = "Roses are red,  \nviolets are blue.\n"
        old, new = "Roses are red,\nviolets are blue.", "Tulips are red,\nviolets are blue."
        assert apply(text, old, new) == "Tulips are red,  \nviolets are blue.\n"

    def test_blank_lines_with_blanks_in_them_stay(self):
        assert apply("a\n    \nb\n", "a\n\nb", "a\n\nc") == "a\n    \nc\n"

    def test_blank_lines_around_old_are_ignored_but_kept_in_the_file(self):
        assert apply("x\na\nb\ny\n", "\n\n  a\n  b\n", "\n\n  a\n  c\n") == "x\na\nc\ny\n"

    def test_blank_lines_inside_may_differ_and_the_files_stay(self):
        assert apply("a\n\n\nb\nc\n", "a\nb\nc", "a\nb\nd") == "a\n\n\nb\nd\n"
        assert apply("a\nb\nc\n", "a\n\nb\nc", "a\n\nb\nd") == "a\nb\nd\n"

    def test_alignment_inside_lines_stays_outside_the_change(self):
        text = "x    = 1\nlong = 2\n"
        assert apply(text, "x = 1\nlong = 2", "x = 1\nlong = 3") == "x    = 1\nlong = 3\n"
        assert apply("x    = 1  # one\n", "x = 1 # one", "x = 2 # one") == "x    = 2  # one\n"

    @pytest.mark.parametrize(
        ("text", "old"),
        [
            ("f(a,b)\n", "f(a, b)"),
            ("f (x)\n", "f(x)"),
            ("a+b\n", "a + b"),
            ("ab\n", "a b"),
            ("foo\nbar\n", "foo bar"),
        ],
    )
    def test_a_blank_is_never_made_up(self, text: str, old: str):
        assert refusal(text, old, "new").reason == "not_found"

    def test_of_two_lookalikes_the_one_with_other_trailing_blanks_only_wins(self):
        text = "a\nb  \n\n  a\n  b\n"
        assert apply(text, "a \nb", "a \nc") == "a\nc  \n\n  a\n  b\n"

    def test_a_single_line_that_is_part_of_another_is_ambiguous(self):
        assert refusal("return  x\nif a: return x\n", "return   x", "return y").reason == "ambiguous"

    def test_a_missing_final_newline_stays_missing(self):
        assert apply("a\nb", "a\nb\n", "a\nc\n") == "a\nc"

    def test_deleting_a_whole_block_takes_its_newline_along(self):
        assert apply("a\n\tb\n\tc\nd\n", "  b\n  c\n", "") == "a\nd\n"


class TestTypography:
    @pytest.mark.parametrize(
        ("real", "typed"),
        [
            ("\u2018x\u2019", "'x'"),
            ("\u201cx\u201d", '"x"'),
            ("1\u20132", "1-2"),
            ("a\u2014b", "a-b"),
            ("\u22121", "-1"),
            ("a\u00a0b", "a b"),
            ("a\u3000b", "a b"),
            ("wait\u2026", "wait..."),
            ("\uff08x\uff09", "(x)"),
            ("caf\u0065\u0301", "caf\u00e9"),
            ("zero\u200bwidth", "zerowidth"),
        ],
    )
    def test_typography_may_differ_and_the_files_stays(self, real: str, typed: str):
        text = f"before\n{real} stays, this goes\nafter\n"
        want = f"before\n{real} stays, this is here\nafter\n"
        assert apply(text, f"{typed} stays, this goes", f"{typed} stays, this is here") == want

    @pytest.mark.parametrize(
        ("real", "typed"), [("'x'", "\u2018x\u2019"), ('"x"', "\u201cx\u201d"), ("a b", "a\u00a0b")]
    )
    def test_typed_typography_becomes_plain_where_the_file_is_plain(self, real: str, typed: str):
        text = f"v = {real}\nend\n"
        assert (
            apply(text, f"v = {typed}\nend", f"v = {typed}\nw = {typed}\nend")
            == f"v = {real}\nw = {real}\nend\n"
        )

    @pytest.mark.parametrize(
        ("real", "typed"),
        [
            ("\u0430 = 1", "a = 1"),
            ("x\u00b2", "x2"),
            ("\ufb01le", "file"),
            ("Stra\u00dfe", "Strasse"),
            ("Name", "name"),
            ("caf\u00e9", "cafe"),
            ("'x'", '"x"'),
            ("`x`", "'x'"),
            ("a == b", "a = b"),
            ("a; b", "a: b"),
            ("x\u0660", "x0"),
        ],
    )
    def test_letters_digits_and_operators_never_differ(self, real: str, typed: str):
        assert refusal(f"{real}\nsecond line\n", f"{typed}\nsecond line", "new").reason == "not_found"


class TestEscapes:
    def test_entities(self):
        text = "if (a < b && c > d) {\n"
        assert apply(text, "if (a &lt; b &amp;&amp; c &gt; d) {", "if (a &lt;= b &amp;&amp; c &gt; d) {") == (
            "if (a <= b && c > d) {\n"
        )

    def test_entities_in_html_are_literal(self):
        assert apply("<p>a &amp; b</p>\n", "a &amp; b", "a &amp; c") == "<p>a &amp; c</p>\n"

    def test_entities_around_a_literal_entity(self):
        assert apply(
            "<p>a &amp; b</p>\n", "&lt;p&gt;a &amp; b&lt;/p&gt;", "&lt;p&gt;c &amp; b&lt;/p&gt;"
        ) == ("<p>c &amp; b</p>\n")

    def test_newlines_and_tabs(self):
        text = "\tif a {\n\t\tb()\n\t}\n"
        assert (
            apply(text, "\\tif a {\\n\\t\\tb()\\n\\t}", "\\tif a {\\n\\t\\tc()\\n\\t}")
            == "\tif a {\n\t\tc()\n\t}\n"
        )

    def test_quotes(self):
        assert apply('say("hi")\n', 'say(\\"hi\\")', 'say(\\"ho\\")') == 'say("ho")\n'

    def test_a_whole_json_string(self):
        text = 'print("a\\n", x)\nnext()\n'
        assert apply(text, 'print(\\"a\\\\n\\", x)\\nnext()', 'print(\\"b\\\\n\\", x)\\nnext()') == (
            'print("b\\n", x)\nnext()\n'
        )

    def test_doubled_backslashes(self):
        assert apply('re.compile("\\d+\\.")\n', 're.compile("\\\\d+\\\\.")', 're.compile("\\\\w+\\\\.")') == (
            're.compile("\\w+\\.")\n'
        )

    def test_unicode_escapes_both_ways(self):
        assert apply("é = 1\n", "\\u00e9 = 1", "\\u00e9 = 2") == "é = 2\n"
        assert apply('"\\u00e9" = 1\n', '"é" = 1', '"é" = 2') == '"\\u00e9" = 2\n'

    def test_new_that_is_not_escaped_is_taken_as_it_is(self):
        assert apply('say("hi")\n', 'say(\\"hi\\")', 'say("ho")') == 'say("ho")\n'

    def test_an_escape_that_only_new_has_is_not_guessed(self):
        assert refusal("a()\nb()\n", "a()\\nb()", 'a()\\nprint("x\\n")\\nb()').reason == "not_found"
        assert refusal("a()\nb()\n", "a()\\nb()", "a('\\\\d')\\nb()").reason == "not_found"

    def test_escaped_tabs_at_line_starts_are_indentation(self):
        assert apply("a()\nb()\n", "a()\\nb()", "if c {\\n\\ta()\\n}\\nb()") == "if c {\n\ta()\n}\nb()\n"


class TestDecoration:
    @pytest.mark.parametrize(
        "form", ["{:>6}\t{}", "{}\t{}", "{:>5}→{}", "{:>3} | {}", "{}: {}", "{}:{}", "{}|{}"]
    )
    @pytest.mark.parametrize("both", [True, False])
    def test_line_numbers_of_any_viewer(self, form: str, both: bool):
        lines = ["def f():", "    a()", "", "    b()"]
        text = "import x\n" + "\n".join(lines) + "\n"
        old = "\n".join(form.format(n, line) for n, line in enumerate(lines, 2))
        changed = ["def f():", "    a(1)", "", "    b()"]
        new = (
            "\n".join(form.format(n, line) for n, line in enumerate(changed, 2))
            if both
            else "\n".join(changed)
        )
        assert apply(text, old, new) == "import x\n" + "\n".join(changed) + "\n"

    def test_new_lines_without_a_number_between_numbered_ones(self):
        assert apply("a()\nb()\n", "1\ta()\n2\tb()", "1\ta()\nnew()\n2\tb()") == "a()\nnew()\nb()\n"

    def test_numbers_that_do_not_follow_one_another_are_text(self):
        assert refusal("a()\nb()\n", "1\ta()\n3\tb()", "c()").reason == "not_found"

    @pytest.mark.parametrize("old", ["7\tapple", "7: apple"])
    def test_a_number_in_the_data_is_no_decoration(self, old: str):
        assert refusal("1\tapple\n2\tpear\n", old, "x").reason == "not_found"
        assert refusal("apple\n", old, "x").reason == "not_found"

    def test_keys_of_a_mapping_are_no_line_numbers(self):
        text = "names = [\n  'a',\n  'b',\n]\n"
        assert refusal(text, "1: 'a',\n2: 'b',", "1: 'a',\n2: 'c',").reason == "not_found"

    def test_code_fences(self):
        assert apply("a()\nb()\n", "```py\na()\nb()\n```", "```py\na()\nc()\n```") == "a()\nc()\n"

    def test_fences_in_markdown_are_text(self):
        text = "Use:\n\n```sh\nmake\n```\n"
        assert apply(text, "```sh\nmake\n```", "```sh\nmake all\n```") == "Use:\n\n```sh\nmake all\n```\n"

    def test_diff_columns(self):
        assert apply("a()\nb()\n", "-a()\n-b()", "+a()\n+c()") == "a()\nc()\n"
        assert apply("a()\nb()\nc()\n", " a()\n-b()\n c()", " a()\n+d()\n c()") == "a()\nd()\nc()\n"

    def test_markdown_lists_are_no_diff(self):
        assert apply("- a\n- b\n", "- a\n- b", "+ a\n+ b") == "+ a\n+ b\n"

    def test_the_next_argument_swallowed_by_old(self):
        assert apply("x = 1\n", 'x = 1","new_string":"x = 2', "x = 2") == "x = 2\n"
        assert apply("x = 1\n", 'x = 1\\", \\"new_string\\": \\"x = 2', "x = 2") == "x = 2\n"

    def test_two_slips_at_once(self):
        text = "func f() {\n\tif a < b {\n\t\tx()\n\t}\n}\n"
        want = text.replace("x()", "y()")
        assert (
            apply(text, "2\t    if a < b {\n3\t        x()\n4\t    }", "    if a < b {\n        y()\n    }")
            == want
        )
        assert apply(text, "  if a &lt; b {\n    x()\n  }", "  if a &lt; b {\n    y()\n  }") == want
        assert (
            apply(text, "```\n2: \tif a < b {\n3: \t\tx()\n```", "```\n2: \tif a < b {\n3: \t\ty()\n```")
            == want
        )


class TestElision:
    TEXT = "def f():\n    start()\n    a()\n    b()\n    end()\n\nother()\n"

    @pytest.mark.parametrize(
        "mark", ["    ...", "    # ... existing code ...", "# rest of the code unchanged", "    …"]
    )
    def test_the_middle_survives_when_both_sides_leave_it_out(self, mark: str):
        old = f"    start()\n{mark}\n    end()"
        assert apply(self.TEXT, old, f"    begin()\n{mark}\n    end()") == self.TEXT.replace("start", "begin")

    def test_head_and_tail_must_be_unique(self):
        text = self.TEXT + "    end()\n"
        assert (
            refusal(text, "    start()\n    ...\n    end()", "    go()\n    ...\n    end()").reason
            == "ambiguous"
        )

    def test_the_order_must_be_the_files(self):
        assert (
            refusal(self.TEXT, "    end()\n    ...\n    start()", "    x()\n    ...\n    start()").reason
            == "not_found"
        )

    def test_a_marker_in_old_only_is_not_guessed(self):
        assert (
            refusal(self.TEXT, "    start()\n    ...\n    end()", "    start()\n    end()").reason
            == "not_found"
        )

    @pytest.mark.parametrize(
        "mark",
        [
            "# ... existing code ...",
            "// ... rest of the code ...",
            "/* ... */",
            "<!-- rest unchanged -->",
            "# rest of the function unchanged",
            "// (existing code)",
            "...",
            "    begin()  # ... rest omitted",
        ],
    )
    def test_a_marker_in_new_only_would_delete_code(self, mark: str):
        old = "    start()\n    a()\n    b()\n    end()"
        assert refusal(self.TEXT, old, f"    start()\n{mark}\n    end()").reason == "placeholder"

    @pytest.mark.parametrize(
        "new",
        [
            "def f():\n    ...",
            'def f():\n    """Doc."""\n    ...',
            "const g = {\n  ...rest,\n  ...other,\n}",
            "# The remaining arguments are passed on to the other function.\nrun()",
            "print('loading the rest...')",
            "f(...args)",
        ],
    )
    def test_dots_and_comments_that_are_code_are_written(self, new: str):
        text = "def f():\n    return 1\n"
        assert apply(text, text.rstrip(), new) == new + "\n"


class TestAlreadyApplied:
    def test_new_is_there_and_old_is_not(self):
        caught = refusal("a\nnew line\nb\n", "old line", "new line")
        assert caught.reason == "already_applied"
        assert caught.lines == (2,)

    def test_an_insertion_is_not_made_twice(self):
        once = apply("import os\nrun()\n", "import os\n", "import os\nimport sys\n")
        assert refusal(once, "import os\n", "import os\nimport sys\n").reason == "already_applied"

    def test_nor_is_it_when_the_blanks_differ(self):
        once = "def f():\n\ta()\n\tb()\n"
        assert refusal(once, "  a()", "  a()\n  b()").reason == "already_applied"


class TestSeveralEdits:
    def test_each_works_on_the_text_that_the_one_before_left(self):
        edits = [Edit("a", "b"), Edit("b", "c"), Edit("x", "y", replace_all=True)]
        assert apply_all("a x x\n", edits) == "c y y\n"

    def test_one_refusal_refuses_all_and_says_which(self):
        with pytest.raises(EditRefused) as caught:
            apply_all("a\nb\n", [Edit("a", "c"), Edit("missing", "d")])
        assert caught.value.edit == 1
        assert "2 of 2" in str(caught.value)

    def test_every_outcome_is_kept(self):
        done = edit_all("a\nb\n", [Edit("a", "x\ny"), Edit("b", "z")])
        assert [one.after for one in done.each] == [(LineRange(1, 2),), (LineRange(3, 3),)]

    def test_no_edits_leave_the_text(self):
        assert apply_all("a\n", []) == "a\n"


class TestOutcome:
    def test_it_names_the_lines_before_and_after(self):
        done = edit("a\nb\nc\nd\n", "b\nc", "x\ny\nz")
        assert (done.rung, done.adapted) == ("exact", ())
        assert (done.before, done.after) == ((LineRange(2, 3),), (LineRange(2, 4),))

    def test_a_deletion_leaves_an_empty_range(self):
        done = edit("a\nb\nc\n", "b\n", "")
        assert (done.before, done.after) == ((LineRange(2, 2),), (LineRange(2, 1),))

    def test_replace_all_names_every_place(self):
        done = edit("x\na\nx\n", "x", "y\nz", replace_all=True)
        assert done.before == (LineRange(1, 1), LineRange(3, 3))
        assert done.after == (LineRange(1, 2), LineRange(4, 5))

    @pytest.mark.parametrize(
        ("text", "old", "new", "rung"),
        [
            ("\ta()\n\tb()\n", "  a()\n  b()", "  a()\n  c()", "lines"),
            ("a\n\nb\n", "a\nb", "a\nc", "blank_lines"),
            ("a()\nb()\n", "1\ta()\n2\tb()", "c()", "decoration"),
            ("a()\nb()\n", "a()\\nb()", "c()", "escapes"),
            ("a()\nb()\nc()\n", "a()\n...\nc()", "x()\n...\nc()", "elision"),
        ],
    )
    def test_it_says_what_was_not_taken_literally(self, text: str, old: str, new: str, rung: str):
        done = edit(text, old, new)
        assert done.rung == rung
        assert done.adapted
