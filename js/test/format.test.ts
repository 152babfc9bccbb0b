import { expect, test } from "vitest";
import { formatNumber, formatScore, formatShape, formatTime } from "../src/format.ts";

test("formatNumber takes three digits, and a real minus", () => {
  const numbers = [0, 4.1, 0.9612, -12.345, 123456789, 0.0000123];
  expect(numbers.map(formatNumber)).toEqual(["0", "4.1", "0.961", "−12.3", "1.2e8", "1.2e−5"]);
});

test("formatScore takes two decimals", () => {
  expect([0.984, -3.2, Number.NaN].map(formatScore)).toEqual(["0.98", "−3.20", "NaN"]);
});

test("formatShape leaves the batch out and shows what is unknown", () => {
  expect(formatShape([null, 12, 12, 64])).toBe("12·12·64");
  expect(formatShape([null, null, null, 3])).toBe("?·?·3");
  expect(formatShape(null)).toBe("");
});

test("formatTime grows from milliseconds to seconds", () => {
  expect([0.02, 3.24, 48.6, 1234, 45678].map(formatTime)).toEqual(["< 1 ms", "3 ms", "49 ms", "1.2 s", "46 s"]);
});
