import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** A file imports from its own folder, or from those before it. */
const ORDER = [
  "messages.ts",
  "text",
  "graph",
  "picture",
  "kernel",
  "state",
  "host",
  "ui/hooks",
  "ui/controls",
  "ui/chart",
  "ui/methods",
  "ui/layers",
  "ui/classes",
  "ui/images",
  "ui/stage",
  "panels/panel.ts",
  "panels/*",
  "panels",
  "ui",
  "index.tsx",
  "offline",
];

const SRC = new URL("../src/", import.meta.url);
const FILES = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));

/** The folder of a file; a file of `src` itself stands for itself, and a panel's folder for that of each. */
function folderOf(file: string): string {
  if (!file.includes("/") || ORDER.includes(file)) return file;
  return file.slice(0, file.lastIndexOf("/")).replace(/^panels\/\w+$/, "panels/*");
}

/** The files of `src` that a file imports, types included. */
function importsOf(file: string): string[] {
  const text = readFileSync(new URL(file, SRC), "utf8");
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)];
  const paths = found.map(([, path]) => new URL(path, new URL(file, SRC)).pathname.slice(SRC.pathname.length));
  return paths.filter((path) => !path.endsWith(".css"));
}

const GRAPH = new Map(FILES.map((file) => [file, importsOf(file)]));

test("every folder has its place in the order", () => {
  const folders = [...new Set(FILES.map(folderOf))];
  expect(folders.sort()).toEqual([...ORDER].sort());
  expect([...GRAPH.values()].flat().filter((file) => !FILES.includes(file))).toEqual([]);
  expect([...GRAPH.values()].flat().length).toBeGreaterThan(200);
});

test("folders import one way", () => {
  const place = (file: string) => ORDER.indexOf(folderOf(file));
  const upward = [...GRAPH].flatMap(([file, imports]) =>
    imports.filter((other) => place(other) > place(file)).map((other) => `${file} imports ${other}`),
  );
  expect(upward).toEqual([]);
});

test("no panel imports another", () => {
  const panelOf = (file: string) => /^panels\/(\w+)\//.exec(file)?.[1];
  const other = [...GRAPH].flatMap(([file, imports]) =>
    imports.filter((name) => panelOf(file) && panelOf(name) && panelOf(name) !== panelOf(file)),
  );
  expect(other).toEqual([]);
});

test("no files import each other in a circle", () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    if (path.includes(file) || done.has(file)) return;
    for (const other of GRAPH.get(file) ?? []) visit(other, [...path, file]);
    done.add(file);
  };
  for (const file of FILES) visit(file, []);
  expect(circles).toEqual([]);
});

test("every module of code has the test of its name", () => {
  const components = (file: string) => file.endsWith(".tsx") || file.startsWith("ui/");
  const tests = readdirSync(new URL(".", import.meta.url), { recursive: true, encoding: "utf8" });
  const missing = FILES.filter((file) => !components(file) && !tests.includes(file.replace(/\.ts$/, ".test.ts")));
  expect(missing.sort()).toEqual(WITHOUT_TEST);
});

/** Types, constants and a few lines that run only in a page. Components and hooks are covered by tests/browser. */
const WITHOUT_TEST = [
  "kernel/feature.ts",
  "kernel/listener.ts",
  "offline/index.ts",
  "panels/index.ts",
  "panels/panel.ts",
  "picture/colormapTables.ts",
  "picture/picture.ts",
  "state/noKernel.ts",
];
