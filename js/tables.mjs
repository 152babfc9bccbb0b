// Writes src/picture/colormapTables.ts from d3-scale-chromatic: the colours without the code, which would be a quarter of
// the bundle.
import { writeFileSync } from "node:fs";
import {
  interpolateInferno,
  interpolateMagma,
  interpolateRdBu,
  interpolateTurbo,
  interpolateViridis,
} from "d3-scale-chromatic";

const COLORMAPS = {
  inferno: interpolateInferno,
  viridis: interpolateViridis,
  magma: interpolateMagma,
  turbo: interpolateTurbo,
  RdBu_r: (t) => interpolateRdBu(1 - t), // red is evidence for the class, as in most maps of this kind
};

/** Every fifth of 256 colours: drawn out to all again they are off by two levels of 255 at most. */
const STOPS = 52;

function bytes(text) {
  if (text.startsWith("#")) return [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16));
  return text.match(/\d+/g).map(Number);
}

const tables = Object.fromEntries(
  Object.entries(COLORMAPS).map(([name, interpolate]) => {
    const colours = Array.from({ length: STOPS }, (_, i) => bytes(interpolate(i / (STOPS - 1))));
    return [name, Buffer.from(colours.flat()).toString("base64")];
  }),
);
const lines = Object.entries(tables).map(([name, text]) => `  ${name}:\n    "${text}",\n`);

writeFileSync(
  new URL("src/picture/colormapTables.ts", import.meta.url),
  `/** Made by tables.mjs: ${STOPS} colours each, evenly apart, red, green and blue, in base64. */\n` +
    `export const TABLES: Record<string, string> = {\n${lines.join("")}};\n`,
);
writeFileSync(new URL("../ke_widgets/widget/colormaps.json", import.meta.url), `${JSON.stringify(tables, null, 1)}\n`);
