/**
 * Who is there in a conversation, by their faces and in words.
 *
 * @module
 */

import { hue, initials, listed } from "./chat-list.js";
import { byId } from "./elements.js";
import { setText } from "./template.js";

/** Faces that are shown; of more, how many. */
const FACES = 5;

/** @param {ReadonlyMap<string, string>} who by user what they are called @param {string | null} me the user that we are */
export function showPresent(who, me) {
  const present = [...who];
  const names = present.map(([user, name]) => (user === me ? `${name} (you)` : name));
  setText(byId("chat-present-said"), names.length === 0 ? "" : `${names.length === 1 ? "1 person" : `${names.length} people`} here: ${listed(names)}`);
  byId("chat-faces").replaceChildren(...present.slice(0, FACES).map(([user, name]) => {
    const face = document.createElement("span");
    face.className = "face";
    face.textContent = initials(name);
    face.title = name;
    face.style.setProperty("--hue", String(hue(user)));
    return face;
  }));
}
