// As much of a page as its modules touch: the parts of `index.html`'s templates, without a browser.

import { readFileSync } from "node:fs";

class Element {
  dataset = {};
  style = { setProperty() {} };
  children = [];
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
  setAttribute(name, value) {
    this.attributes.set(name, `${value}`);
  }
  removeAttribute(name) {
    this.attributes.delete(name);
  }
  hasAttribute(name) {
    return this.attributes.has(name);
  }
  addEventListener() {}
  prepend(...nodes) {
    this.children.unshift(...nodes);
    for (const node of nodes) node.parent = this;
  }
  append(...nodes) {
    this.children.push(...nodes);
    for (const node of nodes) node.parent = this;
  }
  replaceChildren(...nodes) {
    this.children = nodes;
  }
  insertBefore(node, before) {
    node.remove();
    const at = before === null ? this.children.length : this.children.indexOf(before);
    this.children.splice(at, 0, node);
    node.parent = this;
  }
  remove() {
    if (this.parent) this.parent.children = this.parent.children.filter((child) => child !== this);
  }
}

const PAGE = readFileSync(new URL("../../src/streamer/web/index.html", import.meta.url), "utf8");

/** Make `document` and `location` what the modules expect; returns a maker of empty elements. */
export function fakeDocument() {
  globalThis.location = new URL("http://server/");
  globalThis.document = {
    baseURI: "http://server/live/",
    getElementById(id) {
      const [, inside] = PAGE.match(new RegExp(`<template id="${id}">(.*?)</template>`, "s"));
      const names = [...inside.matchAll(/data-part="([^"]+)"/gu)].map(([, name]) => name);
      return { content: { firstElementChild: { cloneNode: () => copyOf(names) } } };
    },
    createElement: () => new Element(),
  };
  return () => new Element();
}

function copyOf(names) {
  const root = new Element();
  const parts = names.map((name) => Object.assign(new Element(), { dataset: { part: name } }));
  root.querySelectorAll = () => parts;
  root.parts = Object.fromEntries(names.map((name, n) => [name, parts[n]]));
  return root;
}
