/**
 * How a progress bar looks; custom properties and `part`s change it. Its colours stand out from a light page as from a
 * dark one.
 *
 * @module
 */

// In a layer: any rule of the page's own wins. Borders and outlines are what forced colours leave.
const CSS = `@layer streamer{:host{display:block}[data-streamer]{--c:var(--streamer-muted,gray);overflow-wrap:anywhere;
&[data-streamer=running]{--c:var(--streamer-accent,royalblue)}
&[data-streamer=retrying],&[data-streamer=stalled]{--c:var(--streamer-warn,chocolate)}
&[data-streamer=completed]{--c:var(--streamer-good,seagreen)}
&[data-streamer=failed]{--c:var(--streamer-bad,crimson)}
[part=head]{display:flex;gap:.5em}
[part=icon]{width:1em;text-align:center;color:var(--c)}
[part=label]{flex:1}
[part=track]{margin:.4em 0;overflow:hidden;border-radius:1em;outline:1px solid transparent;background:var(--streamer-track,#8883)}
[part^=fill]{border-top:var(--streamer-height,.5em) solid var(--c);border-radius:1em}
[part=text],[part=link]{opacity:.8}
[part=track]~*{font-size:.9em}
button{font:inherit}
bdi:not(:empty){margin-inline-end:.4em}
[part=said]{height:1px;overflow:hidden;opacity:0}
[part$=unknown]{border-top-style:dotted}
@media (prefers-reduced-motion:no-preference){[part^=fill]{transition:inline-size .25s}[part$=unknown]{animation:streamer 1s infinite alternate}}}
@keyframes streamer{to{opacity:.4}}}`;

/** @type {CSSStyleSheet | undefined} */
let sheet;

/**
 * Style the bars in a document or a shadow tree, once. A strict Content-Security-Policy allows it: nothing is inline.
 *
 * @param {DocumentOrShadowRoot} root
 */
export function adoptStyles(root) {
  const { adoptedStyleSheets: all } = root;
  // There are none in the imitation of a page that many test their components in.
  if (!all) return;
  if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(CSS);
  if (!all.includes(sheet)) all.push(sheet);
}
