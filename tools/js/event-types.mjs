// The types of what comes over the wire, from its JSON Schema: TypeScript, on standard output.
//
//     node tools/js/event-types.mjs openapi/events.schema.json > src/streamer/web/client/events.d.ts
//
// `make openapi` does it; a test compares.

import { readFileSync } from "node:fs";
import { compile } from "json-schema-to-typescript";

const BANNER = `/**
 * What comes over the wire: events, controls and state. Types only: no browser loads this file.
 *
 * Written by \`make openapi\`, from the schemas that the server's own code declares; not by hand.
 * \`docs/PROTOCOL.md\` says what it all means.
 */
`;

/** What TypeScript can say: a field of anything is `unknown`, and an event's further fields are not counted. */
function said(value) {
  if (Array.isArray(value)) return value.map(said);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.fromEntries(
    Object.entries(value).filter(([word, rule]) => !(word === "additionalProperties" && rule === true)),
  );
  const all = Object.fromEntries(
    Object.entries(kept).map(([word, rule]) => [word, word === "properties" ? fields(rule) : said(rule)]),
  );
  if (all.type === "object" && !("properties" in all) && !("additionalProperties" in all)) {
    all.additionalProperties = true;
  }
  return all;
}

function fields(properties) {
  const isAnything = (rule) => !Object.keys(rule).some((word) => !["description", "title"].includes(word));
  return Object.fromEntries(
    Object.entries(properties).map(([name, rule]) => [name, isAnything(rule) ? { ...rule, tsType: "unknown" } : said(rule)]),
  );
}

const { $defs } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const unions = Object.keys($defs).filter((name) => "oneOf" in $defs[name]);
const any = {
  title: "AnyBody",
  description: "Any body, of every family of events.",
  oneOf: unions.map((name) => ({ $ref: `#/$defs/${name}` })),
  $defs: said($defs),
};
const text = await compile(any, "AnyBody", {
  additionalProperties: false,
  bannerComment: BANNER,
  strictIndexSignatures: false,
  style: { printWidth: 100 },
});
process.stdout.write(text);
