// As much of a page as its modules touch: the parts of `index.html`'s templates, without a browser.

import { readFileSync } from "node:fs";

import { known } from "./given.mjs";

class FakeElement {
  /** @type {Record<string, string>} */
  dataset = {};
  style = { setProperty() {} };
  /** @type {FakeElement[]} */
  children = [];
  /** @type {FakeElement | null} */
  parent = null;
  /** @type {Record<string, FakeElement>} of a template, by name */
  parts = {};
  /** @type {Map<string, string>} */
  attributes = new Map();
  classList = { toggle() {}, add() {}, remove() {} };
  #text = "";
  get childElementCount() {
    return this.children.length;
  }
  get lastElementChild() {
    return this.children.at(-1);
  }
  get textContent() {
    return this.#text;
  }
  set textContent(text) {
    this.#text = `${text}`; // as a browser does: it throws for what has no string
  }
  setAttribute(/** @type {string} */ name, /** @type {unknown} */ value) {
    this.attributes.set(name, `${value}`);
  }
  removeAttribute(/** @type {string} */ name) {
    this.attributes.delete(name);
  }
  getAttribute(/** @type {string} */ name) {
    return this.attributes.get(name) ?? this.dataset[name.replace(/^data-/u, "")] ?? null;
  }
  hasAttribute(/** @type {string} */ name) {
    return this.attributes.has(name);
  }
  addEventListener() {}
  querySelectorAll() {
    return Object.values(this.parts);
  }
  querySelector() {
    return null;
  }
  prepend(/** @type {FakeElement[]} */ ...nodes) {
    this.children.unshift(...nodes);
    for (const node of nodes) node.parent = this;
  }
  append(/** @type {FakeElement[]} */ ...nodes) {
    this.children.push(...nodes);
    for (const node of nodes) node.parent = this;
  }
  replaceChildren(/** @type {FakeElement[]} */ ...nodes) {
    this.children = nodes;
  }
  insertBefore(/** @type {FakeElement} */ node, /** @type {FakeElement | null} */ before) {
    node.remove();
    const at = before === null ? this.children.length : this.children.indexOf(before);
    this.children.splice(at, 0, node);
    node.parent = this;
  }
  remove() {
    if (this.parent) this.parent.children = this.parent.children.filter((child) => child !== this);
  }
}

const PAGE = readFileSync(new URL("../../src/streamer/web/index.html", import.meta.url), "utf-8");

/** The names of each template's parts. @type {Map<string, string[]>} */
const TEMPLATES = new Map();

function partsIn(/** @type {string} */ id) {
  const [, inside] = known(PAGE.match(new RegExp(`<template id="${id}">(.*?)</template>`, "s")));
  return [...known(inside).matchAll(/data-part="([^"]+)"/gu)].map(([, name]) => known(name));
}

/** Make `document` and `location` what the modules expect; returns a maker of empty elements. */
export function fakeDocument() {
  Object.assign(globalThis, {
    location: new URL("http://server/"),
    document: {
      baseURI: "http://server/live/",
      getElementById(/** @type {string} */ id) {
        const names = TEMPLATES.get(id) ?? partsIn(id);
        TEMPLATES.set(id, names);
        return { content: { firstElementChild: { cloneNode: () => copyOf(names) } } };
      },
      createElement: () => new FakeElement(),
    },
    IntersectionObserver: class {
      observe() {}
      disconnect() {}
    },
  });
  // It has what the modules use of an element, and the type checker cannot know that it is all.
  return () => /** @type {FakeElement & HTMLElement} */ (/** @type {unknown} */ (new FakeElement()));
}

function copyOf(/** @type {string[]} */ names) {
  const root = new FakeElement();
  for (const name of names) root.parts[name] = Object.assign(new FakeElement(), { dataset: { part: name } });
  return root;
}
