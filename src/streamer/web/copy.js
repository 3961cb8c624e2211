/**
 * Buttons that copy what stands beside them.
 *
 * @module
 */

import { byId } from "./elements.js";

/** Milliseconds for which a button says that it has. */
const SAID_MS = 1500;

for (const copier of document.querySelectorAll("[data-copy]")) {
  copier.addEventListener("click", () => copy(/** @type {HTMLButtonElement} */ (copier)));
}

async function copy(/** @type {HTMLButtonElement} */ copier) {
  const code = byId(copier.dataset.copy ?? "");
  try {
    await navigator.clipboard.writeText(code.textContent);
    copier.textContent = "Copied";
    setTimeout(() => (copier.textContent = "Copy"), SAID_MS);
  } catch {
    // Not over plain http from another machine: leave it selected, one key away.
    getSelection()?.selectAllChildren(code);
  }
}
