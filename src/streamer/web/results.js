/**
 * What a job's result is to a person: a link, a text, or both. Pure.
 *
 * @module
 */

import { objectOf } from "./fields.js";

/** Characters of a result that are shown; the rest can be read on the wire. */
const MAX_TEXT = 2000;
/** What can be gone to: `javascript:` and its like are words, and no link. */
const LINK = /^(?:https?:\/\/|\/)/iu;
/** Files that a browser shows by itself. */
const PICTURE = /\.(jpe?g|png|webp)$/iu;
const PLAYABLE = /\.(mp4|webm|m4v|mov)$/iu;

/**
 * @typedef {object} Shown
 * @property {string | null} link an http or https URL
 * @property {string | null} video the same, if it is a video of this server
 * @property {string | null} poster a picture of it, of this server too
 * @property {string} text what the link does not say; empty if that is nothing
 */

/**
 * @param {unknown} result any JSON: a publisher may put anything there
 * @param {string} base the page's own address; a path is one at its server, beneath its prefix
 * @returns {Shown}
 */
export function shownResult(result, base) {
  const named = typeof result === "string" ? result : objectOf(result).url;
  const url = linkOf(named, base);
  const isOwn = (/** @type {URL | null} */ one) => one !== null && one.origin === new URL(base).origin;
  const poster = linkOf(objectOf(result).poster, base);
  return {
    link: url?.href ?? null,
    video: url !== null && isOwn(url) && PLAYABLE.test(url.pathname) ? url.href : null,
    poster: poster !== null && isOwn(poster) && PICTURE.test(poster.pathname) ? poster.href : null,
    text: isOnlyLink(result, url) ? "" : textOfJson(result),
  };
}

/** @returns {URL | null} */
function linkOf(/** @type {unknown} */ text, /** @type {string} */ base) {
  if (typeof text !== "string" || !LINK.test(text)) return null;
  const path = text.replace(/^\/(?!\/)/u, "./");
  if (!URL.canParse(path, base)) return null;
  const url = new URL(path, base);
  return url.protocol === "http:" || url.protocol === "https:" ? url : null;
}

function isOnlyLink(/** @type {unknown} */ result, /** @type {URL | null} */ url) {
  return url !== null && (typeof result === "string" || Object.keys(objectOf(result)).length === 1);
}

/** @returns {string} any JSON, to be read; empty for what is null or missing */
export function textOfJson(/** @type {unknown} */ result) {
  if (result === null || result === undefined) return "";
  const text = typeof result === "string" ? result : JSON.stringify(result, null, 2);
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}
