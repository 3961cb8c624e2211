// What tests of the modules take for granted, and say so where it is not.

import assert from "node:assert/strict";

/**
 * @template T
 * @param {T} value
 * @returns {NonNullable<T>} `value`, which is there
 */
export function known(value) {
  assert.ok(value !== null && value !== undefined, `it is ${value}`);
  return value;
}

/**
 * @template T
 * @param {readonly T[]} list
 * @returns {NonNullable<T>} its last, which it has
 */
export const last = (list) => known(list.at(-1));

/** @returns {string} RFC 3339 */
export const at = (/** @type {number} */ seconds) => new Date(seconds * 1000).toISOString();
