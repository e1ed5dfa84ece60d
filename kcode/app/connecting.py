"""Which endpoint a run asks: what settings, environment and stored keys name."""

from collections.abc import Mapping
from dataclasses import dataclass

from kcode.config.connection import resolve, warnings
from kcode.config.credentials import Credentials, system_keyring
from kcode.config.home import Home
from kcode.config.layers import Loaded
from kcode.config.options import Options
from kcode.process.spawn import run
from kcode.types.connection import Connection
from kcode.types.errors import ConfigError

HELPER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Found:
    """The endpoint, None where nothing names one, and what is unsafe about it, in sentences."""

    connection: Connection | None
    warnings: tuple[str, ...] = ()


async def find_connection(options: Options, loaded: Loaded, home: Home, environ: Mapping[str, str]) -> Found:
    """Find the endpoint; runs the settings' `apiKeyHelper` if there is one.

    Raises:
        ConfigError: an address cannot be used, or the helper failed.
    """
    credentials = Credentials(home, system_keyring())
    key = await _helped(loaded, options) if loaded.settings.api_key_helper else ""
    connection = resolve(options, loaded.settings, environ, credentials, (lambda _: key) if key else None)
    if connection is None:
        return Found(None)
    unsafe = credentials.warning()
    return Found(connection, (*warnings(connection), *((unsafe,) if unsafe else ())))


async def _helped(loaded: Loaded, options: Options) -> str:
    command = loaded.settings.api_key_helper or ""
    try:
        done = await run(["/bin/sh", "-c", command], cwd=options.cwd, seconds=HELPER_SECONDS)
    except OSError as error:
        raise ConfigError(f"apiKeyHelper cannot be run: {error.strerror or error}.") from error
    key = done.stdout.decode(errors="replace").strip()
    if done.status != 0 or not key:
        said = done.stderr.decode(errors="replace").strip()[:200]
        raise ConfigError(f"apiKeyHelper ended with status {done.status} and gave no key. {said}".strip())
    return key
