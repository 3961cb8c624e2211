"""A client for Node.js, driven step by step as if it were one of Python's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from .requirements import needs

#: Each body, and each wait, is told, and goes on once it was answered: so nothing runs ahead.
_DRIVER: Final = """
import { createInterface } from "node:readline";
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function tell(what) {
  console.log(JSON.stringify(what));
  if ((await lines.next()).done) process.exit();
}
globalThis.sleep = (ms) => tell({ wait: ms / 1000 });
const { follow } = await import("./client.mjs");
const [url, topics, query] = JSON.parse(process.argv[2]);
try {
  for await (const body of follow(url, topics, query)) await tell({ body });
} catch (error) {
  await tell({ error: String(error) });
}
process.exit();
"""
_SLEEP: Final = 'import { setTimeout as sleep } from "node:timers/promises";\n'


def node_follow(
    source: str, directory: Path, sleep: Callable[[float], None]
) -> Callable[..., Iterator[dict[str, Any]]]:
    """The `follow` of that source, whose waits are `sleep`'s; what it throws is a RuntimeError."""
    assert _SLEEP in source
    (directory / "client.mjs").write_text(source.replace(_SLEEP, ""))
    (directory / "driver.mjs").write_text(_DRIVER)

    def follow(
        url: str, *topics: str, cursor: str | None = None, **query: str
    ) -> Iterator[dict[str, Any]]:
        asked = json.dumps([url, topics, {"cursor": cursor, **query}])
        process = subprocess.Popen(
            [needs("node"), "driver.mjs", asked],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for line in process.stdout:
                told = json.loads(line)
                if "error" in told:
                    raise RuntimeError(told["error"])
                if "wait" in told:
                    sleep(told["wait"])
                else:
                    yield told["body"]
                process.stdin.write("on\n")
                process.stdin.flush()
            assert process.wait() == 0, "the client did not end as it should"
        finally:
            process.kill()
            process.stdin.close()
            process.stdout.close()
            process.wait()

    return follow
