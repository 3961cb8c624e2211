/**
 * How a bell and its list look; custom properties and `part`s change it. The list has the colours of the page's own windows, so
 * that it follows its `color-scheme`.
 *
 * @module
 */

// In a layer: any rule of the page's own wins. Borders and outlines are what forced colours leave.
const CSS = `@layer streamer{[data-streamer-bell]{position:relative;display:inline-block;line-height:1.4;
button{font:inherit;color:inherit;cursor:pointer}
[part=bell]{position:relative;display:grid;place-items:center;width:2.5em;height:2.5em;padding:0;border:1px solid transparent;border-radius:50%;background:none}
[part=bell]:hover,[part=bell][aria-expanded=true]{background:#8883}
:focus-visible{outline:.15em solid var(--streamer-accent,royalblue);outline-offset:1px}
[part=badge]{position:absolute;inset-block-start:-.5em;inset-inline-end:-.6em;min-width:1.5em;padding:0 .35em;border-radius:1em;outline:1px solid transparent;background:var(--streamer-bad,#c3122f);color:#fff;font-size:.6875em;font-weight:700;line-height:1.5em;text-align:center;font-variant-numeric:tabular-nums}
[part=said],[part=hidden]{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
[part=panel]{position:absolute;inset-block-start:calc(100% + .4em);inset-inline-end:0;z-index:1000;display:flex;flex-direction:column;box-sizing:border-box;width:24em;max-width:calc(100vw - 1em);max-height:min(32em,80vh);overflow:hidden;text-align:start;border:1px solid #8886;border-radius:.75em;background:Canvas;color:CanvasText;box-shadow:0 .5em 2em #0004}
[part=panel]:focus{outline:none}
@media (width<30em){[part=panel]{position:fixed;inset-block-start:auto;inset-inline:.5em;width:auto}}
[part=head]{display:flex;flex-wrap:wrap;align-items:center;gap:.25em .75em;padding:.6em .75em .6em 1em;border-block-end:1px solid #8884}
[part=title]{flex:1;margin:0;font-size:1em}
[part=mark],[part=more],[part=retry]{padding:.25em .6em;border:1px solid #8888;border-radius:.4em;background:none;font-size:.875em}
[part=mark][aria-disabled=true]{opacity:.5;cursor:default}
[part=list]{margin:0;padding:0;list-style:none;overflow:auto;overscroll-behavior:contain}
[part=item]{display:grid;grid-template-columns:.55em 1fr;gap:0 .75em;padding:.7em 1em;border-block-start:1px solid #8883;overflow-wrap:anywhere}
[part=item]:first-child{border:0}
[part=dot]{width:.55em;height:.55em;margin-block-start:.42em;border-radius:50%}
[data-unread] [part=dot]{background:var(--streamer-accent,royalblue);outline:1px solid transparent}
[data-unread] [part=text]{font-weight:600}
[part=text]{margin:0;padding:0;border:0;background:none;text-align:start}
button[part=text]:hover{text-decoration:underline}
[part=when]{grid-column:2;font-size:.8125em;opacity:.75}
[part=none],[part=link]{margin:0;padding:1em;font-size:.9375em}
[part=link]{display:flex;flex-wrap:wrap;align-items:center;gap:.4em .75em;padding-block:.5em;border-block-start:1px solid #8884}
[part=foot]{padding:.5em 1em .7em;border-block-start:1px solid #8883;text-align:center}}}`;

/** @type {CSSStyleSheet | undefined} */
let sheet;

/** Style the bells in a document, once. A strict Content-Security-Policy allows it: nothing is inline. */
export function adoptStyles(/** @type {DocumentOrShadowRoot} */ root) {
  const { adoptedStyleSheets: all } = root;
  // There are none in the imitation of a page that many test their components in.
  if (!all) return;
  if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(CSS);
  if (!all.includes(sheet)) all.push(sheet);
}
