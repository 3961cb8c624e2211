// Runs the adapters in JavaScript that it is told on its standard input: run.py says how.
import { createInterface } from "node:readline";

const say = (line) => console.log(JSON.stringify(line));

async function run({ key, client, url, once }) {
  const { follow } = await import(`./${client}.mjs`);
  let last = "";
  const emit = (cursor, data) => {
    say({ key, data });
    last = cursor || last;
  };
  do {
    try {
      await follow(url, last, emit);
      say({ key, does: "ends", error: "" });
    } catch (error) {
      say({ key, does: "raises", error: String(error) });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  } while (!once);
}

for await (const line of createInterface({ input: process.stdin })) void run(JSON.parse(line));
