/**
 * The field in which a person gives the page a token.
 *
 * @module
 */

import { Access } from "./access.js";
import { button, byId, element, input } from "./elements.js";
import { setText } from "./template.js";

/**
 * @param {string} api the server's address
 * @param {() => void} changed called when there is another token, and nobody waits for it, or none any more
 * @returns {Access} what asks in this field
 */
export function accessOf(api, changed) {
  const access = new Access(api, { asked: show });
  const field = input("token-text");

  function show(/** @type {string | null} */ why) {
    const opens = why !== null && byId("token").hidden;
    byId("token").hidden = why === null;
    if (why !== null) setText(byId("token-why"), why);
    if (opens) field.focus();
    button("forget").hidden = !access.holds;
  }

  element("token-form", HTMLFormElement).addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    const token = field.value.trim();
    field.value = "";
    if (!access.give(token)) changed();
  });
  button("forget").addEventListener("click", () => {
    access.forget();
    button("forget").hidden = true;
    changed();
  });
  button("forget").hidden = !access.holds;
  return access;
}
