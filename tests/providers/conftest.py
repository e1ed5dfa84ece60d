import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def wire_corpus() -> Callable[[str], Any]:
    """Return a reader of the shared wire fixtures; the test is skipped where they are absent."""
    shared = Path(os.environ.get("KCODE_SHARED") or Path(__file__).resolve().parents[3] / "shared")

    def read(name: str) -> Any:
        path = shared / "corpus" / "wire" / name
        if not path.is_file():
            pytest.skip(f"the shared corpus is absent: no {path}; set KCODE_SHARED")
        text = path.read_text(encoding="utf-8")
        return (
            [json.loads(line) for line in text.splitlines()] if name.endswith(".jsonl") else json.loads(text)
        )

    return read
