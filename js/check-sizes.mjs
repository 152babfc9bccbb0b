// Prints the largest file and the longest function of src, and fails where one is beyond its bound: `npm run check`.
import { readdirSync, readFileSync } from "node:fs";
import { parseSync } from "vite"; // It comes with vitest.

const MOST_FILE_LINES = 300;
const MOST_FUNCTION_LINES = 40;
/** Made by a program: base64, one line each. */
const GENERATED = ["picture/colormapTables.ts"];

const src = new URL("src/", import.meta.url);
const names = readdirSync(src, { recursive: true }).filter((name) => /\.tsx?$/.test(name) && !GENERATED.includes(name));
const files = [];
const functions = [];

for (const name of names) {
  const text = readFileSync(new URL(name, src), "utf8");
  const lineOf = (at) => text.slice(0, at).split("\n").length;
  files.push({ lines: lineOf(text.length - 1), name });
  visit(parseSync(name, text).program, name, lineOf, name);
}

/** Functions count with their signature and all that is inside them; a method is named by its key. */
function visit(node, parent, lineOf, file) {
  if (!node || typeof node !== "object") return;
  if (/Function/.test(node.type) && node.body) {
    const lines = lineOf(node.end) - lineOf(node.start) + 1;
    const name = node.id?.name ?? parent?.key?.name ?? parent?.id?.name ?? "a function";
    functions.push({ lines, name: `${name} (${file}:${lineOf(node.start)})` });
  }
  const children = Array.isArray(node) ? node : Object.values(node);
  for (const child of children) visit(child, node.type ? node : parent, lineOf, file);
}

function check(what, all, most) {
  all.sort((a, b) => b.lines - a.lines);
  console.log(`${what}: ${all[0].name}, ${all[0].lines} of at most ${most} lines`);
  const beyond = all.filter(({ lines }) => lines > most);
  for (const { lines, name } of beyond) console.error(`  too long: ${name}, ${lines} lines`);
  return beyond.length === 0;
}

const results = [
  check("Largest file", files, MOST_FILE_LINES),
  check("Longest function", functions, MOST_FUNCTION_LINES),
];
if (results.includes(false)) process.exit(1);
