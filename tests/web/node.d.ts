// As much of Node.js as these tests use. All its types would come with a second set of the
// browser's globals, and the page's modules are checked against the browser's.

declare module "node:test" {
  export function test(name: string, run: () => void | Promise<void>): void;
  interface Mocked {
    mock: { restore(): void; mockImplementation(fn: unknown): void };
  }
  export const mock: {
    method(object: object, name: string, fn: unknown): Mocked;
    timers: { enable(options: { apis: string[]; now: number }): void; tick(ms: number): void; setTime(now: number): void };
  };
}

declare module "node:assert/strict" {
  interface Assert {
    ok(value: unknown, message?: string): asserts value;
    equal(actual: unknown, expected: unknown, message?: string): void;
    fail(message: string): never;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    doesNotMatch(text: string, pattern: RegExp): void;
    match(text: string, pattern: RegExp): void;
    throws(call: () => unknown, message: RegExp): void;
    rejects(promise: Promise<unknown>, message: RegExp): Promise<void>;
  }
  const assert: Assert;
  export default assert;
}

declare module "node:module" {
  export function register(specifier: string): void;
}

declare module "node:fs" {
  export function readFileSync(path: URL | number, encoding: "utf-8"): string;
}

declare module "node:vm" {
  export function runInNewContext(code: string, globals: object): unknown;
}

declare const process: { nextTick(fn: (...all: any[]) => void, ...all: unknown[]): void };

declare function setImmediate(call: () => void): void;
