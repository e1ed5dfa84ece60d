"""Models behind an API. `openai_chat` alone imports openai, and only when a request is near."""
