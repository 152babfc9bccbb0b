// Bundles the page into the Python package: one ES module and one style sheet, no other request.
import { statSync } from "node:fs";
import { context } from "esbuild";

const LIMIT = 100_000;
const out = new URL("../ke_widgets/widget/static/", import.meta.url).pathname;
const watch = process.argv.includes("--watch");

const build = await context({
  entryPoints: { widget: "src/index.tsx", styles: "src/styles.css" },
  entryNames: "widget",
  outdir: out,
  bundle: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  minify: process.argv.includes("--minify"),
  sourcemap: watch && "inline",
  logLevel: "warning",
});

if (watch) {
  await build.watch();
  console.log("watching; start Jupyter with ANYWIDGET_HMR=1 to see each change at once");
} else {
  await build.rebuild();
  await build.dispose();
  for (const name of ["widget.js", "widget.css"]) {
    const bytes = statSync(out + name).size;
    console.log(`${name} ${(bytes / 1000).toFixed(1)} kB`);
    if (bytes > LIMIT) throw new Error(`${name} must stay within ${LIMIT / 1000} kB, see DESIGN 8.`);
  }
}
