// Any JSON value, the same ones in each run.

/** @typedef {Record<string, unknown> & {type: string}} AnyBody */

/** @type {unknown[]} what has broken a reader of JSON somewhere, and what no publisher of ours can write any more. */
const AWKWARD = [
  null, true, false, 0, -0, 5, -1, 1.5, 1e308, Infinity, -Infinity, "", " ", "0.5", "x".repeat(70_000),
  "\ud800", "\udfff\u0000", "a\u2028b\r\nc", "\u001b[2J", "__proto__", "constructor", "javascript:alert(1)",
  "http://[", "//x:99999/", "2026-02-30T99:00:00Z", [], [null], [[[]]], {}, { toString: 1, valueOf: 1 },
  { toJSON: 1 }, { url: 5 }, { url: {} }, { url: "http://[" }, { length: -1 }, { type: "progress", progress: {} },
  JSON.parse('{"__proto__": {"a": 1}, "constructor": null, "then": 1}'),
];

const NAMES = [
  "type", "id", "topic", "topics", "timestamp", "project_id", "job_id", "task_name", "attempt", "progress",
  "status", "message", "metadata", "error", "details", "result", "cursor", "reason", "after", "until",
  "retry_ms", "resumed", "snapshot", "snapshots", "tasks", "jobs", "code", "retry", "url",
];

/** Numbers from 0 to 1 that depend on `seed` alone (mulberry32). */
function randomFrom(/** @type {number} */ seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Every awkward value in every field of an event of this type, one at a time, or the field missing.
 *
 * @param {AnyBody} body
 * @returns {Generator<AnyBody>}
 */
export function* oneWrong(body) {
  for (const name of new Set([...Object.keys(body), ...NAMES])) {
    if (name === "type") continue;
    const { [name]: _, ...without } = body;
    yield { ...without, type: body.type };
    for (const value of AWKWARD) yield { ...body, [name]: value };
  }
}

/**
 * `count` bodies of this type whose fields are anything at all.
 *
 * @param {string} type
 * @param {number} count
 * @returns {Generator<AnyBody>}
 */
export function* allWrong(type, count, seed = 1) {
  const random = randomFrom(seed);
  /** @type {<T>(list: T[]) => T} */
  const pick = (list) => /** @type {(typeof list)[number]} */ (list[Math.floor(random() * list.length)]);
  /** @type {(depth: number) => unknown} */
  const any = (depth) => {
    if (depth === 0 || random() < 0.5) return pick(AWKWARD);
    const inner = Array.from({ length: Math.floor(random() * 4) }, () => any(depth - 1));
    return random() < 0.3 ? inner : Object.fromEntries(inner.map((value) => [pick(NAMES), value]));
  };
  for (let n = 0; n < count; n += 1) {
    const fields = Array.from({ length: Math.floor(random() * 12) }, () => [pick(NAMES), any(4)]);
    yield { ...Object.fromEntries(fields), type };
  }
}

const ONE_OF_EACH = [
  { type: "progress", progress: 0.5, status: "in_progress", message: "m", metadata: {} },
  { type: "status", status: "started", message: "m" },
  { type: "error", error: "e", details: {} },
  { type: "completed", result: { url: "/files/a.mp4" } },
  { type: "note", text: "t" },
].map((body) => ({ id: "5-0", topic: "projects/p", timestamp: "2026-01-01T00:00:00Z", job_id: "j", task_name: "t", attempt: 1, ...body }));

/** @returns {Generator<AnyBody>} events of every type with anything in any field. */
export function* events() {
  for (const body of ONE_OF_EACH) yield* oneWrong(body);
  for (const { type } of ONE_OF_EACH) yield* allWrong(type, 300);
}

/** @returns {Generator<AnyBody>} control events with anything in any field. */
export function* controls() {
  for (const type of ["connected", "caught_up", "gap", "end", "reconnect", "pong", "error", "refused", "expiring", "expired", "refreshed"]) {
    yield* oneWrong({ type, topic: "projects/p", cursor: "1-0" });
    yield* allWrong(type, 200);
  }
}
