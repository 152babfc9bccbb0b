import {
  interpolateInferno,
  interpolateMagma,
  interpolateRdBu,
  interpolateTurbo,
  interpolateViridis,
} from "d3-scale-chromatic";
import { expect, test } from "vitest";
import { fadingTable, gradient, lookupTable, veil } from "../../src/picture/colormap.ts";

const D3 = {
  inferno: interpolateInferno,
  viridis: interpolateViridis,
  magma: interpolateMagma,
  turbo: interpolateTurbo,
  RdBu_r: (t: number) => interpolateRdBu(1 - t),
};

function bytes(text: string): number[] {
  if (text.startsWith("#")) return [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16));
  return (text.match(/\d+/g) ?? []).map(Number);
}

test.each(Object.entries(D3))(
  "%s is d3-scale-chromatic's at all 256 places, but for two levels of 255",
  (name, interpolate) => {
    const table = lookupTable(name);
    for (let i = 0; i < 256; i++) {
      const wanted = bytes(interpolate(i / 255));
      for (let k = 0; k < 3; k++) expect(Math.abs(table[4 * i + k] - wanted[k])).toBeLessThanOrEqual(2);
      expect(table[4 * i + 3]).toBe(255);
    }
  },
);

test("gray goes evenly from black to white", () => {
  const table = lookupTable("gray");
  expect([...table.subarray(0, 4)]).toEqual([0, 0, 0, 255]);
  expect([...table.subarray(4 * 100, 4 * 100 + 4)]).toEqual([100, 100, 100, 255]);
  expect([...table.subarray(4 * 255)]).toEqual([255, 255, 255, 255]);
});

test("an unknown colormap gives inferno", () => {
  expect(lookupTable("no such")).toEqual(lookupTable("inferno"));
});

test("gradient is clear below the threshold, of a signed map around its middle", () => {
  const stops = (text: string) => text.slice(text.indexOf(",") + 1, -1).split(/,(?![^(]*\))/);
  expect(stops(gradient(lookupTable("gray"), 0.5, false, 5)).map((stop) => stop.trim())).toEqual([
    "transparent",
    "transparent",
    "rgb(128,128,128)",
    "rgb(191,191,191)",
    "rgb(255,255,255)",
  ]);
  const signed = stops(gradient(lookupTable("RdBu_r"), 0.6, true, 5)).map((stop) => stop.trim() === "transparent");
  expect(signed).toEqual([false, true, true, true, false]);
});

test("over its image a map fades in: nothing at 0.06, half of it at 0.28, all of it from 0.5 on", () => {
  expect([0, 0.06, 0.5, 1].map(veil)).toEqual([0, 0, 1, 1]);
  expect(veil(0.28)).toBeCloseTo(0.5);
  const alphas = (signed: boolean) => Array.from({ length: 256 }, (_, i) => fadingTable("inferno", signed)[4 * i + 3]);
  const plain = alphas(false);
  expect([plain[0], plain[15], plain[128], plain[255]]).toEqual([0, 0, 255, 255]);
  expect(plain.every((alpha, i) => i === 0 || alpha >= plain[i - 1])).toBe(true);
  const signed = alphas(true);
  expect([signed[0], signed[127], signed[128], signed[255]]).toEqual([255, 0, 0, 255]);
  expect(signed).toEqual([...signed].reverse());
  expect(fadingTable("inferno", false).filter((_, i) => i % 4 < 3)).toEqual(
    lookupTable("inferno").filter((_, i) => i % 4 < 3),
  );
});
