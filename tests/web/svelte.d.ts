// As much of Svelte as its store uses. All its types would want those of its compiler.

declare module "svelte/store" {
  export interface Readable<T> {
    subscribe(run: (value: T) => void): () => void;
  }
  export function readable<T>(value: T, start: (set: (value: T) => void) => () => void): Readable<T>;
}
