// Bundles the page into the Python package: one ES module and one style sheet, no other request. And the same with a
// stand-in for the kernel, for exported files.
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { context } from "esbuild";

const LIMITS = { "widget.js": 160_000, "widget.css": 100_000, "offline.js": 163_000, "offline.css": 100_000 };
const out = new URL("../ke_widgets/widget/static/", import.meta.url).pathname;
const watch = process.argv.includes("--watch");
const small = process.argv.includes("--minify");

// Property names that only the page uses, neither Python nor the browser: the bundle shortens them. Never the name of an
// event (`onClose`), under which an element listens. test/build.test.ts checks that Python uses none of them.
const OWN = [
  ..."activate active addPane allLayersWaiting amend answered arrange automatic awaited".split(" "),
  ..."bitmap cancelExport catalog chosen classQuery closePane colormapOf column concentrations copyFrom".split(" "),
  ..."disconnected dismissNotice dropAllLayers edges edgesKnown enabled expandable expanded".split(" "),
  ..."exportProgress fetchAllLayers first folded imageCache inView keepColormap laidOut".split(" "),
  ..."layerQuery methodOf modelOf nameOf newId onContrast onDismiss onDropAll".split(" "),
  ..."onFetchAll onPane onPick overrides pickClass pickColormap pickContrast pickMethod pickModel".split(" "),
  ..."pickParam picture pieces problem query ranking refresh refusal renew reveal".split(" "),
  ..."setOpacity setThreshold setView settle siblings stopPrefetch store whyNotAllLayers working".split(" "),
  ..."allLayers announce classOrder display queues setGeneration typeAhead".split(" "),
  ..."client described description failed features fresh heading hits imageNumber lanes listener oneScale".split(" "),
  // Preact's own, which only it uses.
  ..."componentDidCatch componentDidMount componentDidUpdate componentWillMount componentWillReceiveProps".split(" "),
  ..."componentWillUnmount componentWillUpdate debounceRendering forceUpdate getChildContext".split(" "),
  ..."getDerivedStateFromError getDerivedStateFromProps getSnapshotBeforeUpdate setState".split(" "),
  ..."props shouldComponentUpdate".split(" "),
  ..."outdated passing paneQueues peek positions preview progressed searching setPanel shown upTo waiting".split(" "),
];

const common = {
  outdir: out,
  bundle: true,
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  minify: small,
  mangleProps: small ? new RegExp(`^(${OWN.join("|")})$`) : undefined,
  logLevel: "warning",
};
const builds = await Promise.all([
  context({
    ...common,
    entryPoints: { widget: "src/index.tsx" },
    format: "esm",
    sourcemap: watch && "inline",
  }),
  context({
    ...common,
    entryPoints: { offline: "src/offline/index.ts" },
    format: "iife",
  }),
]);

if (watch) {
  await Promise.all(builds.map((build) => build.watch()));
  console.log("watching; start Jupyter with ANYWIDGET_HMR=1 to see each change at once");
} else {
  for (const build of builds) {
    await build.rebuild();
    await build.dispose();
  }
  if (small) for (const name of ["widget.js", "offline.js"]) await shrink(out + name);
  for (const [name, limit] of Object.entries(LIMITS)) {
    const bytes = statSync(out + name).size;
    console.log(`${name} ${(bytes / 1000).toFixed(1)} kB`);
    if (bytes > limit) throw new Error(`${name} must stay within ${limit / 1000} kB, see DESIGN 8.`);
  }
}

/** Minify once more: terser saves 1.5 kB in every notebook. */
async function shrink(path) {
  const compress = { ecma: 2022, hoist_funs: true, passes: 3, unsafe_arrows: true };
  const terser = await import("terser").catch(() => null);
  if (!terser) return console.log("without terser, which `npm ci` brings, widget.js is 1.5 kB larger");
  const { code } = await terser.minify(readFileSync(path, "utf8"), { module: true, ecma: 2022, compress });
  writeFileSync(path, code);
}
