"""The result object that ends every headless run."""

from typing import Literal, TypeAlias
from uuid import uuid4

from pydantic import JsonValue

from kcode.frontends.shapes.tally import Tally, arguments_of
from kcode.types.events import TurnEnded
from kcode.types.messages import Usage
from kcode.types.model import JsonObject, ModelInfo

Subtype: TypeAlias = Literal[
    "success", "error_during_execution", "error_max_turns", "error_max_budget_usd", "error_max_time"
]
_LIMITS: dict[str, Subtype] = {
    "turns": "error_max_turns",
    "budget": "error_max_budget_usd",
    "time": "error_max_time",
}
_TERMINAL: dict[str, str] = {
    "end_turn": "completed",
    "max_tokens": "max_tokens",
    "refusal": "refusal",
    "cancelled": "aborted",
    "error": "error",
    "max_turn_requests": "limit",
}


def usage_object(usage: Usage) -> JsonObject:
    """Write tokens in the four disjoint counts that scripts sum up."""
    return {
        "input_tokens": usage.input - usage.cached - usage.cache_write,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
    }


def subtype(ended: TurnEnded) -> Subtype:
    """Name how a turn ended."""
    if ended.limit:
        return _LIMITS[ended.limit]
    return "success" if ended.stop_reason in {"end_turn", "max_tokens"} else "error_during_execution"


def exit_status(ended: TurnEnded) -> int:
    """0 done, 1 failed, 3 a limit was reached, 4 the vendor failed in a way that may pass."""
    if ended.limit or ended.stop_reason == "max_tokens":
        return 3
    if ended.error and ended.error.transient:
        return 4
    return 0 if ended.stop_reason == "end_turn" else 1


def result_object(tally: Tally, ended: TurnEnded, *, session_id: str, model: ModelInfo) -> JsonObject:
    """Build the result; every key is always there, but `result` only without an error and `errors` only with one."""
    kind = subtype(ended)
    failed = kind != "success"
    result: JsonObject = {
        "type": "result",
        "subtype": kind,
        "is_error": failed,
        "duration_ms": tally.duration_ms,
        "duration_api_ms": tally.api_ms,
        "num_turns": tally.steps,
    }
    if failed:
        result["errors"] = [ended.note or kind]
    else:
        result["result"] = tally.answer or ended.note
    usage = tally.usage
    result |= {
        "stop_reason": ended.stop_reason,
        "terminal_reason": _TERMINAL[ended.stop_reason],
        "session_id": session_id,
        "total_cost_usd": None if usage.cost is None else round(usage.cost, 6),
        "cost_estimated": usage.estimated,
        "usage": usage_object(usage),
        "modelUsage": {name: _model_usage(tally, name, model) for name in tally.models},
        "permission_denials": [_denial(tally, d.call_id, d.tool) for d in tally.denials],
        "files_changed": [
            {"path": c.path, "kind": c.kind, "added": c.added, "removed": c.removed}
            for c in tally.changes.values()
        ],
        "repairs": dict[str, JsonValue](tally.repairs),
        "uuid": str(uuid4()),
    }
    return result


def _model_usage(tally: Tally, name: str, model: ModelInfo) -> JsonObject:
    usage = tally.models[name].usage
    return {
        "inputTokens": usage.input - usage.cached - usage.cache_write,
        "outputTokens": usage.output,
        "cacheReadInputTokens": usage.cached,
        "cacheCreationInputTokens": usage.cache_write,
        "webSearchRequests": 0,
        "costUSD": None if usage.cost is None else round(usage.cost, 6),
        "contextWindow": model.window,
        "maxOutputTokens": model.max_output,
    }


def _denial(tally: Tally, call_id: str, tool: str) -> JsonObject:
    call = tally.calls.get(call_id)
    return {"tool_name": tool, "tool_use_id": call_id, "tool_input": arguments_of(call) if call else {}}
