"""How much a model is to think, in the words of each endpoint. None of them is a word that another one takes."""

from typing import TYPE_CHECKING

from kcode.types.model import JsonObject

if TYPE_CHECKING:
    from kcode.providers.dialect import Target

_KIMI = {"low": "low", "medium": "high", "high": "high", "max": "max"}
_OPENAI = {"low": "low", "medium": "medium", "high": "high", "max": "high"}


def moonshot(where: "Target") -> JsonObject:
    """Moonshot's platform: K3 has levels and no switch, K2.5 and K2.6 a switch and no levels, K2.7 neither."""
    effort, model = where.effort, where.model
    if "k3" in model:
        return {"reasoning_effort": _KIMI.get(effort, "low")} if effort else {}
    switchable = "k2.5" in model or "k2.6" in model
    if effort == "off" and switchable:
        return {"thinking": {"type": "disabled"}}
    if "k2.6" in model or "k2.7" in model:
        # Thinking of earlier turns is kept, so that a new question does not change the cached prefix.
        return {"thinking": {"type": "enabled", "keep": "all"}}
    return {}


def plan(where: "Target") -> JsonObject:
    """The Kimi Code plan: a level inside the switch, which is always on."""
    thinking: JsonObject = {"type": "enabled", "keep": "all"}
    if where.effort:
        thinking["effort"] = _KIMI.get(where.effort, "low")
    return {"thinking": thinking}


def hosted(where: "Target") -> JsonObject:
    """Kimi models that somebody else serves: vLLM and SGLang take a level, and a switch for the template."""
    if where.effort == "off":
        return {"chat_template_kwargs": {"thinking": False, "enable_thinking": False}}
    return {"reasoning_effort": _KIMI[where.effort]} if where.effort else {}


def routed(where: "Target") -> JsonObject:
    """OpenRouter, which passes it on in the vendor's own words."""
    if not where.effort:
        return {}
    return {"reasoning": {"enabled": False} if where.effort == "off" else {"effort": _OPENAI[where.effort]}}


def levels(where: "Target") -> JsonObject:
    """OpenAI and those that follow it: levels, the lowest for off."""
    return {"reasoning_effort": _OPENAI.get(where.effort, "low")} if where.effort else {}


def template(where: "Target") -> JsonObject:
    """Servers in the house: a switch for the template, and levels."""
    if where.effort == "off":
        return {"chat_template_kwargs": {"enable_thinking": False}}
    return levels(where)
