"""What every request carries is small and does not change by itself."""

import json
from typing import Any

from kcode import registry
from kcode.engine.prepare import tool_specs
from kcode.prompts.build import LIMIT, system_prompt
from kcode.types.tool import Tool

TOOLS_LIMIT = 10_000
FACTS = {
    "Folder": "/home/somebody/projects/something",
    "Platform": "Linux x86_64",
    "Shell": "bash",
    "Git": "main",
}


def test_all_tools_together_are_small() -> None:
    tools = {t.name: t for t in registry.load_all("kcode.tools", "TOOL", Tool[Any]).values()}
    body = [
        {
            "type": "function",
            "function": {"name": s.name, "description": s.description, "parameters": s.parameters},
        }
        for s in tool_specs(tools)
    ]
    assert {"Read", "Write", "Edit", "Bash", "Glob", "Grep", "Git", "TodoWrite"} <= set(tools)
    assert len(json.dumps(body)) <= TOOLS_LIMIT


def test_the_order_of_the_tools_does_not_depend_on_how_they_are_found() -> None:
    tools = {t.name: t for t in registry.load_all("kcode.tools", "TOOL", Tool[Any]).values()}
    backwards = dict(reversed(list(tools.items())))
    assert tool_specs(tools) == tool_specs(backwards)


def test_the_system_prompt_is_small_and_the_same_each_time() -> None:
    prompt = system_prompt(FACTS)
    assert len(prompt.encode()) <= LIMIT
    assert prompt == system_prompt(dict(FACTS))
