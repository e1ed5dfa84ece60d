"""What the context room costs on long sessions, beside other agents' policies; no model is called.

    python tests/bench/bench_context.py [--json] [--seeds 1 2 3 4 5] [--windows 128000 256000] [--steps 300 1500]

The trajectories and the other agents' policies come from the simulation `context-sim/sim.py` of the shared data, which
is looked for at $KCODE_SHARED or beside the repository. kcode's own row is its real context room: the trajectory
becomes messages of the same size, folded into a real state, and what a request carries is read from the projection.
"""

import argparse
import dataclasses
import importlib.util
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, ClassVar

from kcode.context.budget import Limits
from kcode.context.cap import OutputCap
from kcode.context.compact import View
from kcode.context.levels import Respond
from kcode.context.tokens import of_text
from kcode.context.window import ContextWindow
from kcode.providers.dialect import choose, target
from kcode.providers.encode import Encoder
from kcode.session.fold import Fold
from kcode.types.connection import Connection
from kcode.types.events import (
    Compacted,
    ContextTrimmed,
    Event,
    FileSeen,
    MessageAdded,
    PromptSet,
    ToolFinished,
)
from kcode.types.messages import (
    AssistantMessage,
    AssistantPart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)
from kcode.types.model import ModelInfo, Request
from kcode.types.tool import text_output

SUMMARY = 2_500
"""Tokens of a summary, as for the peer that writes the longest ones."""
PRICES = {"K2": (0.60, 0.15, 2.50), "K3": (3.0, 0.3, 15.0)}
_NAMES = {"read": "Read", "bash": "Bash", "grep": "Grep", "edit": "Edit", "write": "Write", "other": "Other"}


def shared() -> Path | None:
    """Where the shared data lie."""
    for place in (os.environ.get("KCODE_SHARED", ""), str(Path(__file__).parents[3] / "shared")):
        if place and (Path(place) / "context-sim" / "sim.py").is_file():
            return Path(place)
    return None


def load_sim(folder: Path) -> Any:
    """Load the simulation."""
    spec = importlib.util.spec_from_file_location("context_sim", folder / "context-sim" / "sim.py")
    if spec is None or spec.loader is None:
        raise ImportError("the simulation cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules["context_sim"] = module
    spec.loader.exec_module(module)
    return module


def settled(work: Coroutine[Any, Any, Any]) -> Any:
    """Run what never waits."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the context room waited for something")


def text_of(tokens: int, seed: int) -> str:
    """A text of so many estimated tokens, which no other seed gives."""
    head = f"{seed}"
    return head + " the" * (tokens - of_text(head))


def _key(message: Message) -> str:
    """What a message and its shorter forms have in common."""
    if isinstance(message, ToolMessage):
        return f"result {message.call_id}"
    return f"{message.role} {message.text[:40]}"


class KcodePolicy:
    """Asks kcode's context room; `sim` and `limits` are set by a subclass."""

    name = "kcode"
    sim: ClassVar[Any] = None
    limits: ClassVar[Limits] = Limits()

    def __init__(self, window: int, out_reserve: int = 16_000) -> None:
        self.W, self.R = window, out_reserve
        self.ctx: list[Any] = []
        self.compactions = self.edits = self.refusals = 0
        self.hard = 0
        self.state = Fold()
        self.model = ModelInfo("simulated", window=window, max_output=out_reserve, thinking=True)
        self.window = ContextWindow(limits=self.limits, read=self._read)
        self.cap = OutputCap(self.limits, window)
        self._of: dict[int, tuple[Message, Any]] = {}
        self._calls: dict[int, list[ToolCall]] = {}
        self._sizes: dict[str, int] = {}
        self._originals: dict[str, Any] = {}
        self._attached = 0
        self._made = 0
        self._sim: Any = None
        self.seconds: list[float] = []

    def add(self, m: Any) -> None:
        if m.role == "system":
            self.state.apply(PromptSet(system=text_of(m.tok, m.id), tools=()))
            self._system = m
        elif m.role == "user":
            message = UserMessage(parts=(TextPart(text=text_of(m.tok - 4, m.id)),))
            self._put(message, m)
        elif m.role == "assistant":
            self._answer(m)
        else:
            self._result(m)
        if not self._open:
            self._show()

    _open = 0

    def _answer(self, m: Any) -> None:
        calls = [ToolCall(id=f"c{m.id}_{i}", name="Read", arguments="{}") for i in range(m.calls)]
        self._calls[m.id] = list(calls)
        self._open = m.calls
        size = m.tok - m.think - 4 - 6 * m.calls
        parts: list[AssistantPart] = [ThinkingPart(text=text_of(m.think, m.id))] if m.think else []
        parts += [TextPart(text=text_of(max(1, size), m.id)), *calls]
        usage = Usage(input=self._total(), output=m.tok)
        self._put(AssistantMessage(parts=tuple(parts), usage=usage), m)

    def _result(self, m: Any) -> None:
        self._open -= 1
        call = self._calls[m.group].pop(0)
        name = _NAMES.get(m.kind, "Other")
        path = m.path or ""
        seen: tuple[FileSeen, ...] = ()
        if m.kind == "read":
            self._sizes[path] = m.tok
        if m.kind in ("read", "write", "edit"):
            seen = (FileSeen(path=path, sha256="0" * 64, whole=True),)
        self.state.apply(ToolFinished(call_id=call.id, name=name, status="completed", title=path, seen=seen))
        text = text_of(m.tok - 4, m.id)
        output = settled(self.cap.after_call(call.model_copy(update={"name": name}), text_output(text)))
        message = ToolMessage(call_id=call.id, name=name, parts=output.parts)
        size = 4 + len(message.text) // 4
        self._put(message, m if message.text == text else dataclasses.replace(m, tok=size))

    def _put(self, message: Message, m: Any) -> None:
        self._of[id(message)] = (message, m)
        self._originals[_key(message)] = m
        self.state.apply(MessageAdded(message=message))

    def before_request(self, run: Any) -> None:
        self._sim = run
        began = time.process_time()
        settled(self.room(self._respond))
        self.window.request(self.state, self.model)
        self.seconds.append(time.process_time() - began)
        self._show()

    def room(self, respond: Respond) -> Coroutine[Any, Any, None]:
        """Make room for the next request."""
        return self.window.make_room(self.state, self.model, self._emit, respond, overflow=None)

    async def _emit(self, event: Event) -> None:
        self.state.apply(event)
        if isinstance(event, ContextTrimmed):
            self.edits += 1
        if isinstance(event, Compacted):
            self.hard += event.hard

    async def _respond(self, request: Request) -> AssistantMessage:
        ask = request.messages[-1]
        context = [self._system, *(self._as_sim(m) for m in request.messages[:-1])]
        self._sim.llm([*context, self._as_sim(ask)], out=SUMMARY)
        self.compactions += 1
        return AssistantMessage(parts=(TextPart(text=text_of(SUMMARY, self.compactions)),))

    async def _read(self, path: str) -> View | None:
        size = min(self._sizes.get(path, 0), 10_000)
        if not size:
            return None
        self._made += 1
        return View(text_of(size, self._made), FileSeen(path=path, sha256="0" * 64, whole=True))

    def _show(self) -> None:
        view = self.window._projection.view(self.state)
        self.ctx = [self._system, *(self._as_sim(m) for m in view)]

    def _total(self) -> int:
        return sum(m.tok for m in self.ctx)

    def _as_sim(self, message: Message) -> Any:
        """The simulation's message for one of ours; its id tells whether the bytes are the same."""
        known = self._of.get(id(message))
        if known is not None and known[0] is message:
            return known[1]
        made = self._translate(message)
        self._of[id(message)] = (message, made)
        return made

    def _translate(self, message: Message) -> Any:
        size = self.window._count.one(message)
        self._made += 1
        original = self._originals.get(_key(message))
        if original is not None:
            hidden = isinstance(message, ToolMessage) and message.call_id in self.state.hidden
            return dataclasses.replace(original, tok=size, ver=self._made, hidden=hidden)
        number = 10_000_000 + self._made
        if isinstance(message, AssistantMessage):
            self._attached = number
            return self.sim.Msg(number, "assistant", size, calls=len(message.tool_calls))
        if isinstance(message, ToolMessage):
            path = self.state.calls[message.call_id].seen[0].path
            made = self.sim.Msg(number, "tool", size, "read", path, group=self._attached)
            self._originals[_key(message)] = made
            return made
        return self.sim.Msg(number, "user", size, "summary")


def policy_class(sim: Any, limits: Limits) -> type[Any]:
    """Make the policy that asks kcode's context room."""
    return type("Kcode", (KcodePolicy,), {"sim": sim, "limits": limits})


def priced(sim: Any, prices: tuple[float, float, float]) -> None:
    """Set the prices that the simulation counts with."""
    sim.P_IN, sim.P_CACHE, sim.P_OUT = prices


def row(sim: Any, trajectory: Sequence[Any], policy: type[Any], window: int) -> dict[str, Any]:
    """Replay one trajectory."""
    result = sim.replay(trajectory, policy, window)
    blind, edits = map(int, result["blind_edits"].split("/"))
    return {**result, "blind": blind, "of": edits}


def mean(rows: Sequence[dict[str, Any]], key: str) -> float:
    """The mean over seeds."""
    return statistics.mean(r[key] for r in rows)


def summary(name: str, window: int, policy: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One line of the table."""
    edits = sum(r["of"] for r in rows)
    return {
        "run": name,
        "window": window,
        "policy": policy,
        "usd": round(mean(rows, "cost"), 2),
        "mean_prompt": int(mean(rows, "mean_prompt")),
        "hit": round(mean(rows, "hit"), 1),
        "summaries": round(mean(rows, "compactions"), 1),
        "breaks": round(mean(rows, "prefix_breaks"), 1),
        "blind_percent": round(100 * sum(r["blind"] for r in rows) / max(1, edits), 2),
        "over_window": sum(r["overflow"] for r in rows),
        "cpu_ms": round(mean(rows, "cpu_ms"), 2),
    }


def measure(sim: Any, folder: Path, options: argparse.Namespace, limits: Limits) -> list[dict[str, Any]]:
    """Replay everything."""
    peers = [] if options.only_kcode else [sim.KimiCli, sim.KimiCode, sim.OpenCode]
    own = policy_class(sim, limits)
    recorded = folder / "corpus" / "context" / "pi-before-compaction.jsonl.gz"
    runs: dict[str, list[Any]] = {
        f"synthetic {steps}": [sim.synthetic(steps, seed) for seed in options.seeds]
        for steps in options.steps
    }
    if recorded.is_file():
        runs["recorded"] = [sim.pi_session(str(recorded))]
    lines: list[dict[str, Any]] = []
    for name, trajectories in runs.items():
        for window in options.windows:
            for policy in (*peers, own):
                rows = [row(sim, t, policy, window) for t in trajectories]
                lines.append(summary(name, window, policy.name.split(" (")[0], rows))
    return lines


def work(sim: Any, limits: Limits) -> list[dict[str, Any]]:
    """Processor time of the context room and of encoding the request, for each step of a long session."""
    place = target(Connection("http://127.0.0.1/v1", model="m", source="bench"), "m")
    policy = policy_class(sim, limits)(256_000)
    policy._sim = sim.Sim(policy)
    encoder = Encoder(policy.model, choose(place), place)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times: list[float] = []
    sizes: list[int] = []
    for m in sim.synthetic(1500, 1):
        if m.role == "assistant":
            began = time.process_time()
            settled(policy.room(policy._respond))
            body = encoder.body(policy.window.request(policy.state, policy.model))
            times.append(1_000 * (time.process_time() - began))
            sizes.append(len(body))
            policy._show()
        policy.add(m)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return [
        {
            "steps": f"{n}-{n + 299}",
            "ms": round(statistics.mean(times[n : n + 300]), 2),
            "ms_max": round(max(times[n : n + 300]), 1),
            "body_kb": sum(sizes[n : n + 300]) // 300_000,
            "mib": round(grown, 1),
        }
        for n in range(0, len(times), 300)
    ]


def check_reference(sim: Any, folder: Path) -> None:
    """Refuse to measure with a simulation that does not give the known numbers."""
    long = sim.synthetic(1500, 1)
    expected = [(long, 256_000, 28.21), (long, 128_000, 14.32)]
    recorded = folder / "corpus" / "context" / "pi-before-compaction.jsonl.gz"
    if recorded.is_file():
        expected.append((sim.pi_session(str(recorded)), 256_000, 9.00))
    for trajectory, window, dollars in expected:
        found = sim.replay(trajectory, sim.KimiCode, window)["cost"]
        if found != dollars:
            raise SystemExit(
                f"kimi-code costs {found} $ at {window}, not {dollars}: the simulation is another one"
            )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only-kcode", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--windows", type=int, nargs="+", default=[128_000, 256_000])
    parser.add_argument("--steps", type=int, nargs="+", default=[300, 1500])
    parser.add_argument("--prices", nargs="+", choices=list(PRICES), default=list(PRICES))
    for name in ("soft", "low", "summarise", "views", "attach", "steps-kept", "output"):
        parser.add_argument(f"--{name}", type=int)
    options = parser.parse_args()
    folder = shared()
    if folder is None:
        print("The simulation was not found: set KCODE_SHARED to the folder that holds context-sim/sim.py.")
        return 2
    sim = load_sim(folder)
    check_reference(sim, folder)
    given = {
        name: getattr(options, name) for name in ("soft", "low", "summarise", "views", "attach", "output")
    }
    given["steps"] = options.steps_kept
    limits = dataclasses.replace(Limits(), **{k: v for k, v in given.items() if v is not None})
    costs = work(sim, limits)
    found: dict[str, list[dict[str, Any]]] = {}
    for label in options.prices:
        priced(sim, PRICES[label])
        found[label] = measure(sim, folder, options, limits)
    if options.json:
        print(json.dumps({"limits": dataclasses.asdict(limits), "work": costs, "results": found}, indent=1))
        return 0
    for label, lines in found.items():
        print(
            f"Prices of {label}: {PRICES[label]} $ per million tokens in / cached / out; "
            f"mean over seeds {options.seeds}"
        )
        print(
            "run            window policy           $      prompt  hit % summaries breaks blind % over  ms/step"
        )
        for line in lines:
            print(
                f"{line['run']:14s} {line['window'] // 1000:4d}k  {line['policy']:12s} {line['usd']:8.2f} "
                f"{line['mean_prompt']:9,d} {line['hit']:6.1f} {line['summaries']:8.1f} {line['breaks']:7.1f} "
                f"{line['blind_percent']:7.2f} {line['over_window']:4d} {line['cpu_ms']:8.2f}"
            )
        print()
    print("Work of each step with serialisation, 1,500 synthetic steps at 256k (MiB: growth of the process):")
    for line in costs:
        print(
            f"steps {line['steps']:>9s}: {line['ms']:.2f} ms, at most {line['ms_max']:.1f}; "
            f"body {line['body_kb']} kB; {line['mib']} MiB"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
