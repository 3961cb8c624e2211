/**
 * The ids a reader has had lately, so that none is dispatched twice.
 *
 * @module
 */

/** Ids remembered: more than any one replay page, little enough to hold for days. */
const LIMIT = 5000;

export class SeenIds {
  /** @type {Set<string>} in the order of arrival */
  #ids = new Set();

  /**
   * Remember `id`.
   *
   * @param {string} id opaque: compared for equality only
   * @returns {boolean} whether it is new
   */
  add(id) {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > LIMIT) this.#ids.delete(/** @type {string} */ (this.#ids.values().next().value));
    return true;
  }
}
