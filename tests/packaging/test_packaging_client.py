"""The JavaScript client as a package: installed in an empty project, and typed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from support.client_package import node
from support.front_end import js_module

CLIENT: Final = Path(__file__).parents[2] / "src" / "streamer" / "web" / "client"

#: A project that uses it, as strictly as TypeScript can.
USER: Final = """
import { createClient } from "@streamer-sse/client";
import type { Gap, ProgressEvent } from "@streamer-sse/client/events.js";
const url = "http://localhost:8000";
const client = createClient({ url, transport: "sse", getToken: async () => null });
const topics = ["projects/demo", "jobs/1"];
const subscription = client.subscribe(topics, { from: "earliest", persist: "session" });
const off: () => void = subscription.on("progress", ({ type, id }) => console.log(type, id));
subscription.on("state", ({ state, reason, retryAt }) => {
  const shown: string = state === "waiting" ? `${reason} ${retryAt}` : state;
  console.log(shown, subscription.snapshot?.progress);
});
// @ts-expect-error it is one of four
createClient({ transport: "carrier pigeon" });
for await (const event of client.stream("jobs/1")) console.log(event.type);
const { id }: { id: string | null } = await client.publish("chats/1", "said", { text: "hello" });
const bar = ({ progress, task_name }: ProgressEvent): number => progress * (task_name ?? "").length;
const lost = ({ after, until, topic }: Gap): string => `${topic}: ${after} to ${until}`;
// @ts-expect-error it has a progress
bar({ type: "progress", topic: "jobs/1" });
off();
console.log(id, bar, lost);
client.close();
"""


def test_it_is_imported_in_node(client_project: Path) -> None:
    script = 'import { createClient } from "@streamer-sse/client"; console.log(typeof createClient)'
    assert node("--input-type=module", "-e", script, cwd=client_project) == "function\n"


def test_its_types_are_those_that_a_strict_project_wants(client_project: Path) -> None:
    (client_project / "user.ts").write_text(USER)
    options = "--noEmit --strict --exactOptionalPropertyTypes --target es2023 --module nodenext"
    libraries = ("--lib", "es2024,dom,dom.iterable,dom.asynciterable", "--types", "")
    tsc = js_module("typescript/bin/tsc")
    node(tsc, "user.ts", *options.split(), *libraries, cwd=client_project)


def test_it_says_what_it_is_and_each_import_that_it_names_is_there(client_project: Path) -> None:
    package = client_project / "node_modules" / "@streamer-sse" / "client"
    assert json.loads((package / "package.json").read_text())["license"] == "MIT"
    readme = (package / "README.md").read_text()
    named = set(re.findall(r"\b[a-z]+\.js\b", readme)) - {"events.js"}  # types alone
    assert len(named) > 6
    assert [name for name in sorted(named) if not (package / name).exists()] == []


def test_what_is_its_own_is_not_in_its_types(client_project: Path) -> None:
    """What the modules of the client say to each other is nobody's to rely on."""
    types = client_project / "node_modules" / "@streamer-sse" / "client" / "types"
    told = (types / "subscription.d.ts").read_text()
    assert "lastEventId" in told
    assert "covered" not in told


def test_what_is_packed_is_what_the_server_serves() -> None:
    package = json.loads((CLIENT / "package.json").read_text())
    assert package["exports"]["."]["default"] == "./client.js"
    assert "dependencies" not in package
