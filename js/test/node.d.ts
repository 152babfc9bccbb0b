/** The little that tests need of Node; the page itself must know nothing of it. */
declare module "node:fs" {
  export function readFileSync(path: URL): Uint8Array<ArrayBuffer>;
  export function readFileSync(path: URL, encoding: "utf8"): string;
  export function readdirSync(path: URL, options: { recursive: true; encoding: "utf8" }): string[];
}

declare module "node:zlib" {
  export function gunzipSync(packed: Uint8Array): { toString(): string };
}
