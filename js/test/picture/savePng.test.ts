import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Picture } from "../../src/picture/picture.ts";
import { compose, download, type Shown } from "../../src/picture/savePng.ts";

const calls: [string, ...unknown[]][] = [];
const sizes: [number, number][] = [];

class Canvas {
  context: Record<string, unknown>;
  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    sizes.push([width, height]);
    const record =
      (name: string) =>
      (...args: unknown[]) =>
        calls.push([name, ...args]);
    this.context = {
      drawImage: (...args: unknown[]) =>
        calls.push(["drawImage", this.context.filter, this.context.globalAlpha, ...args]),
      rect: record("rect"),
      fill: record("fill"),
      beginPath() {},
      putImageData() {},
    };
  }
  getContext() {
    return this.context;
  }
  async convertToBlob({ type }: { type: string }) {
    return { type };
  }
}

beforeEach(() => {
  calls.length = sizes.length = 0;
  vi.stubGlobal("OffscreenCanvas", Canvas);
  vi.stubGlobal(
    "ImageData",
    class {
      data: Uint8ClampedArray;
      constructor(width: number, height: number) {
        this.data = new Uint8ClampedArray(4 * width * height);
      }
    },
  );
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const MAP = { height: 1, width: 2, low: 0, high: 1, finite: true };

function shown(width: number, height: number, input_region?: readonly number[], signed = false): Shown {
  const result = { map: { ...MAP, input_region }, values: Float32Array.of(0, 1) };
  return { picture: { bitmap: { width, height }, result } as unknown as Picture, colormap: "inferno", signed };
}

const settings = { opacity: 0.5, threshold: 0, view: "overlay" as const };
const drawn = () => calls.filter(([name]) => name === "drawImage");

test("pictures stand side by side, 8 pixels apart, as high as the highest", async () => {
  const blob = await compose([shown(10, 4), shown(6, 8)], settings);
  expect(sizes[0]).toEqual([24, 8]);
  expect(blob).toEqual({ type: "image/png" });
  expect(drawn().map(([, filter, alpha, , x, y]) => [filter, alpha, x, y])).toEqual([
    ["none", undefined, 0, 0],
    ["none", 0.5, 0, 0],
    ["none", 1, 18, 0],
    ["none", 0.5, 18, 0],
  ]);
});

test("where the model sees a part, the map lies there and the rest is dimmed", async () => {
  await compose([shown(10, 4, [0, 0.25, 1, 0.75])], settings);
  expect(calls.filter(([name]) => name === "rect")).toEqual([
    ["rect", 0, 0, 10, 4],
    ["rect", 2.5, 0, 5, 4],
  ]);
  expect(drawn()[1].slice(4)).toEqual([2.5, 0, 5, 4]);
});

test("under a signed map the image is grey", async () => {
  await compose([shown(10, 4, undefined, true)], settings);
  expect(drawn().map(([, filter]) => filter)).toEqual(["grayscale(1)", "none"]);
});

test("map alone and image alone draw one of them, and dim nothing", async () => {
  await compose([shown(10, 4)], { ...settings, view: "map" });
  expect(drawn().map(([, , alpha]) => alpha)).toEqual([1]);
  await compose([shown(10, 4)], { ...settings, view: "image" });
  expect(drawn()).toHaveLength(2);
  expect(calls.filter(([name]) => name === "fill")).toEqual([]);
});

test("a download is a click on a link, whose URL is freed later", () => {
  vi.useFakeTimers();
  const link = { click: vi.fn(), href: "", download: "" };
  vi.stubGlobal("document", { createElement: () => link });
  const revoke = vi.spyOn(URL, "revokeObjectURL").mockReturnValue();
  vi.spyOn(URL, "createObjectURL").mockReturnValue("blob:1");
  download(new Blob(), "tiny.png");
  expect(link).toMatchObject({ href: "blob:1", download: "tiny.png" });
  expect(link.click).toHaveBeenCalledOnce();
  expect(revoke).not.toHaveBeenCalled();
  vi.runAllTimers();
  expect(revoke).toHaveBeenCalledWith("blob:1");
});
