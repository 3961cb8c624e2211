/**
 * How a progress bar looks. Its colours follow the page's `color-scheme`; custom properties and `part`s change them.
 *
 * @module
 */

// In a layer: any rule of the page's own wins.
const CSS = `@layer streamer{:host{display:block}.streamer-progress{--a:var(--streamer-accent,light-dark(#1c3fd1,#8fa9ff));--m:var(--streamer-muted,color-mix(in srgb,currentColor 76%,transparent));--b:var(--streamer-bad,light-dark(#b3261e,#ff8f85));--c:var(--a);position:relative;display:grid;gap:.375em;min-width:0;line-height:1.4;overflow-wrap:anywhere;
&[data-state=completed]{--c:var(--streamer-good,light-dark(#0a7048,#5fd0a0))}
&[data-state=failed]{--c:var(--b)}
&[data-state=retrying],&[data-state=stalled]{--c:var(--streamer-warn,light-dark(#8a4600,#f5b04c))}
&[data-state=cancelled],&[data-state=queued],&[data-state=idle]{--c:var(--m)}
[part=head]{display:flex;gap:.5em;align-items:center}
svg{flex:none;width:1em;height:1em;fill:none;stroke:var(--c);stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
[part=label]{flex:1;min-width:0;font-weight:600}
[part=value]{font-variant-numeric:tabular-nums}
[part=track]{height:var(--streamer-height,.5em);overflow:hidden;border-radius:1em;background:var(--streamer-track,color-mix(in srgb,currentColor 16%,transparent))}
[part=fill]{height:100%;border-radius:1em;background:var(--c);transition:inline-size .25s}
[data-unknown] [part=fill]{inline-size:35%;animation:streamer 1.6s ease-in-out infinite alternate}
[part=text],[part=link]{color:var(--m);font-size:.9em}
[part=alert]{color:var(--b);font-size:.9em;&:empty{margin-top:-.375em}}
button{font:inherit;color:var(--a);background:none;border:0;padding:.25em;min-height:24px;text-decoration:underline;cursor:pointer}
[part=said]{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media (prefers-reduced-motion){[part=fill][part]{transition:none;animation:none}[data-unknown] [part=fill]{inline-size:100%;background:repeating-linear-gradient(90deg,var(--c) 0 .75em,transparent 0 1.5em)}}
@media (forced-colors:active){[part=track]{outline:1px solid CanvasText}&[data-state][part]{--c:Highlight}[part=fill]{forced-color-adjust:none}svg{stroke:CanvasText}}}
@keyframes streamer{to{margin-inline-start:65%}}}`;

/** @type {CSSStyleSheet | undefined} */
let sheet;

/**
 * Style the bars in a document or a shadow tree, once. A strict Content-Security-Policy allows it: nothing is inline.
 *
 * @param {DocumentOrShadowRoot} root
 */
export function adoptStyles(root) {
  if (sheet === undefined) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet);
}
