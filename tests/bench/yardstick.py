"""The least that Python can do: scripts without any of kcode, to compare it with.

    yardstick.py stream          ask once through the openai package and print the answer as it comes
    yardstick.py steps           an agent of one tool: run what the model asks for in bash, until it stops
    yardstick.py steps-create    the same through `create()`, as the package's documentation shows it
    yardstick.py prompt          a prompt_toolkit prompt

The endpoint is $YARDSTICK_URL. Importing nothing that a mode does not need is part of the measure.
"""

import json
import os
import sys
from typing import Any


def stream() -> None:
    """Ask once."""
    import openai

    client = openai.OpenAI(base_url=os.environ["YARDSTICK_URL"], api_key="none")
    said: Any = [{"role": "user", "content": "hi"}]
    for chunk in client.chat.completions.create(model="scripted", messages=said, stream=True):
        for choice in chunk.choices:
            sys.stdout.write(choice.delta.content or "")
            sys.stdout.flush()


async def steps(*, create: bool) -> None:
    """Run an agent."""
    import asyncio

    import openai

    client: Any = openai.AsyncOpenAI(base_url=os.environ["YARDSTICK_URL"], api_key="none")
    parameters = {"type": "object", "properties": {"command": {"type": "string"}}}
    function = {"name": "Bash", "description": "Run a command.", "parameters": parameters}
    messages: list[Any] = [{"role": "user", "content": "hi"}]
    asked = {"model": "scripted", "stream": True, "tools": [{"type": "function", "function": function}]}
    while True:
        if create:
            opened = await client.chat.completions.create(messages=messages, **asked)
            chunks = [chunk.model_dump() async for chunk in opened]
        else:
            opened = await client.post(
                "/chat/completions",
                cast_to=object,
                body={"messages": messages, **asked},
                stream=True,
                stream_cls=openai.AsyncStream[object],
            )
            chunks = _events([part async for part in opened.response.aiter_bytes()])
        text, call = _whole(chunks)
        if not call:
            sys.stdout.write(text)
            return
        called = {"id": call["id"], "type": "function", "function": call["function"]}
        messages.append({"role": "assistant", "content": text, "tool_calls": [called]})
        command = json.loads(call["function"]["arguments"])["command"]
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec("bash", "-c", command, stdout=pipe)
        out, _ = await child.communicate()
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": out.decode() or "(empty)"})


def _events(parts: list[bytes]) -> list[dict[str, Any]]:
    lines = b"".join(parts).split(b"\n")
    return [json.loads(line[6:]) for line in lines if line.startswith(b"data: {")]


def _whole(chunks: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    text = ""
    call: dict[str, Any] = {}
    for delta in (choice["delta"] for chunk in chunks for choice in chunk["choices"]):
        text += delta.get("content") or ""
        for piece in delta.get("tool_calls") or ():
            if call:
                call["function"]["arguments"] += piece["function"].get("arguments") or ""
            else:
                call = piece
    return text, call


def prompt() -> None:
    """Show a prompt."""
    from prompt_toolkit import PromptSession

    session: PromptSession[str] = PromptSession()
    session.prompt("> ")


def main() -> None:
    """Do what the argument says."""
    mode = sys.argv[1]
    if mode == "stream":
        stream()
    elif mode == "prompt":
        prompt()
    else:
        import asyncio

        asyncio.run(steps(create=mode == "steps-create"))


if __name__ == "__main__":
    main()
