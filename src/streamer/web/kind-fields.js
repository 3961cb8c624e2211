/**
 * The fields of a form for a job of somebody's own kind, from the JSON Schema of its parameters.
 *
 * What has no control of its own, such as a list, is written as JSON. A field that is left empty is
 * left out, so that the job's own default holds.
 *
 * @module
 */

import { objectOf, textOf } from "./fields.js";

/** @typedef {Record<string, unknown>} Schema */
/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */
/** @typedef {{name: string, control: Control, read: (text: string) => unknown}} Field */

/** Kinds that the form has fields of its own for. */
const KNOWN = ["transcode", "trim"];
const NOT_JSON = "This is no JSON, as in [\"a\", 1] or {\"a\": 1}";

/**
 * @param {Schema} document the server's OpenAPI
 * @returns {Map<string, Schema>} the body of each kind that the form does not know, by the kind's name
 */
export function kindsIn(document) {
  const schemas = objectOf(objectOf(document.components).schemas);
  const { mapping } = objectOf(objectOf(schemas.JobRequest).discriminator);
  /** @type {[string, Schema][]} */
  const kinds = Object.entries(objectOf(mapping)).map(([kind, ref]) => [kind, objectOf(schemas[String(ref).split("/").at(-1) ?? ""])]);
  return new Map(kinds.filter(([kind]) => !KNOWN.includes(kind)));
}

/** The fields of one kind, in the form; made anew for another kind. */
export class KindFields {
  /** @type {Field[]} */
  #fields = [];
  #root;

  constructor(/** @type {HTMLElement} */ root) {
    this.#root = root;
  }

  show(/** @type {Schema} */ body) {
    const required = Array.isArray(body.required) ? body.required : [];
    const properties = Object.entries(objectOf(body.properties)).filter(([name]) => name !== "kind");
    this.#fields = properties.map(([name, schema]) => fieldOf(name, objectOf(schema), required.includes(name)));
    this.#root.replaceChildren(...this.#fields.map(labelled));
  }

  /** @returns {Record<string, unknown> | null} what was filled in; null where that is no JSON, and the field says so */
  read() {
    /** @type {Record<string, unknown>} */
    const values = {};
    for (const { name, control, read } of this.#fields) {
      control.removeAttribute("aria-invalid");
      if (control.value === "") continue;
      try {
        values[name] = read(control.value);
      } catch {
        control.setCustomValidity(NOT_JSON);
        control.reportValidity();
        return null;
      }
    }
    return values;
  }

  /** Mark the field that a refusal is about, as in ``at `$.width[0]` ``, and go there. */
  blame(/** @type {string} */ refusal) {
    const named = /`\$\.([^`.[]+)|field `([^`]+)`/u.exec(refusal);
    const field = this.#fields.find(({ name }) => name === (named?.[1] ?? named?.[2]));
    field?.control.setAttribute("aria-invalid", "true");
    field?.control.focus();
  }
}

/** @returns {Field} */
function fieldOf(/** @type {string} */ name, /** @type {Schema} */ schema, /** @type {boolean} */ required) {
  const kind = withoutNull(schema);
  const values = kind.type === "boolean" ? [true, false] : kind.enum;
  const field = Array.isArray(values) ? choice(values) : typed(kind);
  field.control.required = required;
  if (schema.default !== undefined && schema.default !== null) field.control.value = textOf(schema.default) ?? "";
  return { name, ...field };
}

/** @returns {Schema} of what may be null only what else it may be: an empty field is that, too */
function withoutNull(/** @type {Schema} */ schema) {
  const several = Array.isArray(schema.anyOf) ? schema.anyOf.map(objectOf).filter(({ type }) => type !== "null") : [];
  return several.length === 1 && several[0] !== undefined ? several[0] : schema;
}

/** @returns {Omit<Field, "name">} */
function choice(/** @type {unknown[]} */ values) {
  const control = document.createElement("select");
  const texts = values.map((value) => textOf(value) ?? "");
  control.append(...["", ...texts].map((text) => new Option(text, text))); // nothing is chosen for anybody
  return { control, read: (text) => values[texts.indexOf(text)] };
}

/** @returns {Omit<Field, "name">} */
function typed(/** @type {Schema} */ schema) {
  const control = document.createElement("input");
  control.autocomplete = "off";
  const limit = (/** @type {string} */ attribute, /** @type {unknown} */ value) => {
    if (value !== undefined) control.setAttribute(attribute, String(value));
  };
  if (schema.type === "integer" || schema.type === "number") {
    control.type = "number";
    limit("min", schema.minimum);
    limit("max", schema.maximum);
    limit("step", schema.type === "integer" ? 1 : "any");
    return { control, read: Number };
  }
  if (schema.type === "string") {
    limit("minlength", schema.minLength);
    limit("maxlength", schema.maxLength);
    return { control, read: (text) => text };
  }
  const area = document.createElement("textarea");
  area.rows = 2;
  area.spellcheck = false;
  area.placeholder = schema.type === "array" ? "[…]" : "{…}";
  return { control: area, read: (text) => JSON.parse(text) };
}

function labelled(/** @type {Field} */ { name, control }) {
  const paragraph = document.createElement("p");
  const label = document.createElement("label");
  paragraph.className = control instanceof HTMLTextAreaElement ? "field wide" : "field";
  control.id = `own-${name}`;
  control.setAttribute("aria-describedby", "start-failure");
  // Else the browser would not submit it again.
  control.addEventListener("input", () => control.setCustomValidity(""));
  label.htmlFor = control.id;
  label.textContent = control instanceof HTMLTextAreaElement ? `${name}, as JSON` : name;
  if (!control.required) label.append(" (may be left out)");
  paragraph.append(label, control);
  return paragraph;
}
