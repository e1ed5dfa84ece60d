"""Grammars and parsers, loaded when a file of their language is first looked at."""

import importlib
import posixpath
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Parser, Query, QueryCursor, Tree

SECONDS = 2.0
"""The longest that one file is parsed."""
LARGE = 200_000
"""Bytes from which on a parse is watched for time."""
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Grammar:
    """A language: the module that holds its grammar, the function in it, and what counts as a definition.

    In `definitions` a capture's name is the kind of symbol and `@name` its name; `@import` marks what brings in
    another file.
    """

    name: str
    module: str
    suffixes: tuple[str, ...]
    definitions: str
    function: str = "language"
    mapped: bool = True
    """Whether its files refer to one another by names."""


_PYTHON = """
(class_definition name: (identifier) @name) @class
(function_definition name: (identifier) @name) @function
(module (expression_statement (assignment left: (identifier) @name) @constant))
(import_statement) @import
(import_from_statement) @import
"""
_JAVASCRIPT = """
(class_declaration name: (_) @name) @class
(function_declaration name: (_) @name) @function
(generator_function_declaration name: (_) @name) @function
(method_definition name: (property_identifier) @name) @method
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression) (class)]) @function
(assignment_expression
  left: (member_expression property: (property_identifier) @name)
  right: [(arrow_function) (function_expression)]) @function
(program (lexical_declaration (variable_declarator name: (identifier) @name) @constant))
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name) @constant)))
(import_statement) @import
(export_statement source: (string)) @import
(call_expression function: (identifier) @called arguments: (arguments . (string))
  (#eq? @called "require")) @import
"""
_TYPESCRIPT = (
    _JAVASCRIPT
    + """
(abstract_class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(type_alias_declaration name: (_) @name) @type
(enum_declaration name: (_) @name) @enum
(internal_module name: (_) @name) @namespace
(function_signature name: (_) @name) @function
(abstract_method_signature name: (property_identifier) @name) @method
(method_signature name: (property_identifier) @name) @method
"""
)
_GO = """
(function_declaration name: (identifier) @name) @function
(method_declaration name: (field_identifier) @name) @method
(type_declaration (type_spec name: (type_identifier) @name)) @type
(source_file (const_declaration (const_spec name: (identifier) @name) @constant))
(import_spec) @import
"""
_RUST = """
(function_item name: (identifier) @name) @function
(function_signature_item name: (identifier) @name) @function
(struct_item name: (type_identifier) @name) @struct
(enum_item name: (type_identifier) @name) @enum
(trait_item name: (type_identifier) @name) @trait
(impl_item type: (_) @name) @impl
(type_item name: (type_identifier) @name) @type
(mod_item name: (identifier) @name body: (_)) @module
(macro_definition name: (identifier) @name) @macro
(const_item name: (identifier) @name) @constant
(use_declaration) @import
(mod_item name: (identifier) !body) @import
"""
_JAVA = """
(class_declaration name: (identifier) @name) @class
(interface_declaration name: (identifier) @name) @interface
(enum_declaration name: (identifier) @name) @enum
(record_declaration name: (identifier) @name) @record
(method_declaration name: (identifier) @name) @method
(constructor_declaration name: (identifier) @name) @method
(import_declaration) @import
"""
_C = """
(function_definition declarator: (function_declarator declarator: (identifier) @name)) @function
(function_definition
  declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))) @function
(struct_specifier name: (type_identifier) @name body: (_)) @struct
(union_specifier name: (type_identifier) @name body: (_)) @struct
(enum_specifier name: (type_identifier) @name body: (_)) @enum
(type_definition declarator: (type_identifier) @name) @type
(preproc_function_def name: (identifier) @name) @macro
(preproc_def name: (identifier) @name) @constant
(preproc_include) @import
"""
_BASH = """
(function_definition name: (word) @name) @function
(command name: (command_name) @called argument: (_) (#any-of? @called "source" ".")) @import
"""
_JSON = """
(document (object (pair key: (string (string_content) @name)) @key))
(document (object (pair value: (object (pair key: (string (string_content) @name)) @key))))
"""

GRAMMARS: tuple[Grammar, ...] = (
    Grammar("python", "tree_sitter_python", (".py", ".pyi", ".pyw"), _PYTHON),
    Grammar("javascript", "tree_sitter_javascript", (".js", ".mjs", ".cjs", ".jsx"), _JAVASCRIPT),
    Grammar(
        "typescript",
        "tree_sitter_typescript",
        (".ts", ".mts", ".cts"),
        _TYPESCRIPT,
        "language_typescript",
    ),
    Grammar("tsx", "tree_sitter_typescript", (".tsx",), _TYPESCRIPT, "language_tsx"),
    Grammar("go", "tree_sitter_go", (".go",), _GO),
    Grammar("rust", "tree_sitter_rust", (".rs",), _RUST),
    Grammar("java", "tree_sitter_java", (".java",), _JAVA),
    Grammar("c", "tree_sitter_c", (".c", ".h"), _C),
    Grammar("bash", "tree_sitter_bash", (".sh", ".bash"), _BASH),
    Grammar("json", "tree_sitter_json", (".json",), _JSON, mapped=False),
)
_BY_SUFFIX: Mapping[str, Grammar] = {suffix: one for one in GRAMMARS for suffix in one.suffixes}


def grammar_for(path: PurePath | str) -> Grammar | None:
    """Return the grammar for a file by its name; None for other files."""
    return _BY_SUFFIX.get(posixpath.splitext(str(path))[1].lower())


@dataclass(slots=True)
class _Loaded:
    language: "Language"
    query: "Query"
    parsers: threading.local = field(default_factory=threading.local)


@cache
def _load(grammar: Grammar) -> _Loaded | None:
    """Load a grammar; None where its package is not installed, or is one that this kcode does not fit."""
    try:
        from tree_sitter import Language, Query  # here and nowhere before: 15 ms

        module: Any = importlib.import_module(grammar.module)
        pointer: object = getattr(module, grammar.function)()
        language = Language(pointer)
        return _Loaded(language, Query(language, grammar.definitions))
    except (ImportError, AttributeError, ValueError):
        return None


def missing(grammar: Grammar) -> bool:
    """Whether the package with the grammar is not there."""
    return _load(grammar) is None


def parse(grammar: Grammar, data: bytes) -> "Tree | None":
    """Parse a file's bytes; None where the grammar is missing or it takes too long. May be used by many threads."""
    loaded = _load(grammar)
    if loaded is None:
        return None
    parser = _parser(loaded)
    if len(data) < LARGE:
        return parser.parse(data)
    stop = time.monotonic() + SECONDS
    view = memoryview(data)

    def piece(offset: int, _point: object) -> bytes:
        return bytes(view[offset : offset + _PIECE])

    def too_long(_offset: int, _has_error: bool) -> bool:
        return time.monotonic() > stop

    try:
        return parser.parse(piece, progress_callback=too_long)
    except ValueError:
        parser.reset()
        return None


def _parser(loaded: _Loaded) -> "Parser":
    parser: Parser | None = getattr(loaded.parsers, "parser", None)
    if parser is None:
        from tree_sitter import Parser as Parser_  # already loaded with the grammar

        parser = Parser_(loaded.language)
        loaded.parsers.parser = parser
    return parser


def definitions(grammar: Grammar, node: "Node") -> "list[dict[str, list[Node]]]":
    """Return what the grammar's query finds below a node, as captures by name."""
    loaded = _load(grammar)
    if loaded is None:
        return []
    from tree_sitter import QueryCursor as Cursor  # already loaded with the grammar

    cursor: QueryCursor = Cursor(loaded.query)
    return [captures for _, captures in cursor.matches(node)]
