import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const PYTHON = new URL("../../ke_widgets/widget/", import.meta.url);

test("no name that the bundle shortens is one that Python says", () => {
  const build = readFileSync(new URL("../build.mjs", import.meta.url), "utf8");
  const own = [...build.matchAll(/"([\w ]+)"\.split/g)].flatMap(([, names]) => names.split(" "));
  const files = readdirSync(PYTHON, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".py"));
  const python = files.map((name) => readFileSync(new URL(name, PYTHON), "utf8")).join("\n");
  expect(own.length).toBeGreaterThan(20);
  // As a key, or as the field of a dataclass that is sent.
  const said = (name: string) => python.includes(`"${name}"`) || new RegExp(`^    ${name}: `, "m").test(python);
  expect(own.filter(said)).toEqual([]);
});
