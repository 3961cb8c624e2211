// Pack the JavaScript client for npm: its modules as they are, their types beside them.
//
//     node tools/js/pack.mjs dist
//
// They are checked by `make types`. A package for `npm publish`, or `npm install <file>`, is written to that folder.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SOURCE = join(ROOT, "src/streamer/web/client");
const TSC = fileURLToPath(new URL("node_modules/typescript/bin/tsc", import.meta.url));

const target = resolve(process.argv[2] ?? "dist");
const work = mkdtempSync(join(tmpdir(), "streamer-client-"));
try {
  cpSync(SOURCE, work, { recursive: true });
  cpSync(join(ROOT, "LICENSE"), join(work, "LICENSE"));
  cpSync(fileURLToPath(new URL("README.client.md", import.meta.url)), join(work, "README.md"));
  const modules = readdirSync(SOURCE).filter((name) => name.endsWith(".js")).map((name) => join(SOURCE, name));
  execFileSync(process.execPath, [
    TSC, ...modules,
    ..."--ignoreConfig --allowJs --noCheck --declaration --emitDeclarationOnly --stripInternal --skipLibCheck".split(" "),
    ..."--target es2023 --module nodenext --lib es2024,dom,dom.iterable --types".split(" "), "",
    "--rootDir", SOURCE, "--outDir", join(work, "types"),
  ], { stdio: "inherit" });
  for (const name of ["events.d.ts", "wire.d.ts"]) cpSync(join(SOURCE, name), join(work, "types", name));
  mkdirSync(target, { recursive: true });
  // npm says where it is to what it runs; `make` says it too, for a Node.js that is not on the path.
  const cli = process.env.npm_execpath;
  const npm = cli === undefined ? ["npm"] : [process.execPath, cli];
  const [program = "", ...before] = npm;
  execFileSync(program, [...before, "pack", "--silent", "--pack-destination", target], { cwd: work, stdio: "inherit" });
} finally {
  rmSync(work, { recursive: true });
}
