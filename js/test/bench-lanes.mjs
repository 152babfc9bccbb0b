// Prints how long it takes to lay out each model of fixtures/graphs with nothing folded: `npm run bench`.
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { build } from "esbuild";

const ROUNDS = 21;
const graphs = new URL("fixtures/graphs/", import.meta.url);

const { outputFiles } = await build({
  stdin: {
    contents: `export * from "./graph/lanes.ts"; export * from "./graph/outline.ts"; export * from "./graph/edges.ts";`,
    resolveDir: new URL("../src/", import.meta.url).pathname,
  },
  bundle: true,
  minify: true,
  format: "esm",
  write: false,
});
const { assignLanes, visibleEdges, piecesByRow, edgesOf, outline, pathToOutput } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString("base64")}`
);

function time(work) {
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  const [first, ...rest] = times;
  return `${first.toFixed(1)} / ${rest.sort((a, b) => a - b)[(ROUNDS - 1) / 2].toFixed(1)}`;
}

const names = readdirSync(graphs).map((file) => file.replace(".json.gz", ""));
// The largest first: the first round is then that of a page that was just opened.
const sized = names.map((name) => ({
  name,
  ...JSON.parse(gunzipSync(readFileSync(new URL(`${name}.json.gz`, graphs)))),
}));
const table = sized
  .sort((a, b) => b.nodes.length - a.nodes.length)
  .map(({ name, nodes }) => {
    const blocks = time(() => outline(nodes));
    const rows = outline(nodes);
    const edges = edgesOf(rows);
    const all = rows.map((_, index) => ({ index }));
    const lanes = time(() => {
      const wiring = visibleEdges(rows, all, edges);
      piecesByRow(all.length, wiring.edges, assignLanes(all.length, wiring.edges));
    });
    const way = time(() => pathToOutput(rows, edges, 0));
    const { count } = assignLanes(all.length, visibleEdges(rows, all, edges).edges);
    return { model: name, layers: nodes.length, edges: edges.length, lanes: count, blocks, "all lanes": lanes, way };
  });
console.log("milliseconds: first round / median of the others");
console.table(table);
