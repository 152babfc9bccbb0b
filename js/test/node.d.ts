/** The little that tests need of Node; the page itself must know nothing of it. */
declare module "node:fs" {
  export function readFileSync(path: URL): Uint8Array<ArrayBuffer>;
}

declare module "node:zlib" {
  export function gunzipSync(packed: Uint8Array): { toString(): string };
}
