/**
 * The chosen file, played as it lies here, to see where a part of it begins and ends.
 *
 * @module
 */

import { button, byId, element, input } from "./elements.js";

/** @returns {(file: File) => void} to be called with each file that is chosen */
export function preview() {
  const video = element("preview-video", HTMLVideoElement);

  for (const name of /** @type {const} */ (["from", "to"])) {
    button(`preview-${name}`).addEventListener("click", () => {
      input(name).value = String(Math.round(video.currentTime * 100) / 100);
    });
  }
  // What the browser cannot play can be cut all the same: by numbers.
  video.addEventListener("error", () => (byId("preview").hidden = true));
  video.addEventListener("loadedmetadata", () => (byId("preview").hidden = false));

  return (file) => {
    byId("preview").hidden = true;
    URL.revokeObjectURL(video.src);
    video.src = URL.createObjectURL(file);
  };
}
