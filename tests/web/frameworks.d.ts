// As much of Svelte as its store uses, all of whose types would want those of its compiler; and of React's server.

declare module "svelte/store" {
  export interface Readable<T> {
    subscribe(run: (value: T) => void): () => void;
  }
  export function readable<T>(value: T, start: (set: (value: T) => void) => () => void): Readable<T>;
}

declare module "react-dom/server" {
  export function renderToString(element: unknown): string;
}
