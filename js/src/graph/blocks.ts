/**
 * Blocks of a model without nested models: found by structure first (what lies between two rows that every path
 * passes), and by names where they help. A block can be folded; it is no layer of the model.
 */
import type { Edge } from "./lanes.ts";
import { commonPrefix, hasPrefix, stageOf } from "./layerNames.ts";

export interface Item {
  name: string;
  type: string;
  shape: (number | null)[] | null;
  /** Keras gave the name. */
  automatic: boolean;
}

export interface Block {
  /** Positions of its first and last item. */
  first: number;
  last: number;
  name: string;
  /** Common prefix of its items' names; "" if there is none. */
  prefix: string;
  blocks: Block[];
}

/** Shorter lists have no blocks. */
const MANY = 24;
/** A block has at least three items, and not so many that nobody would unfold it. */
const SMALLEST = 3;
const LARGEST = 80;
/** With more rows than this, blocks are grouped into stages. */
const ROWS = 40;

export function findBlocks(items: readonly Item[], edges: readonly Edge[]): Block[] {
  if (items.length <= MANY) return [];
  let blocks = between(items, edges).map(([first, last]) => block(items, first, last));
  blocks = blocks.map((one, at) =>
    widen(one, items, blocks[at - 1]?.last ?? -1, blocks[at + 1]?.first ?? items.length),
  );
  blocks = joined(items, blocks, byName);
  if (rows(items, blocks) > ROWS) blocks = joined(items, blocks, byStage);
  const stages = rows(items, blocks) > LARGEST ? joined(items, blocks, bySize) : blocks;
  return stages.length > 1 ? stages : blocks;
}

function block(items: readonly Item[], first: number, last: number, name = "", blocks: Block[] = []): Block {
  const prefix = commonPrefix(items.slice(first, last + 1));
  return { first, last, name: name || prefix || `${items[last].name} …`, prefix, blocks };
}

/** Return the number of rows when all blocks are folded. */
function rows(items: readonly Item[], blocks: readonly Block[]): number {
  return blocks.reduce((count, { first, last }) => count - (last - first), items.length);
}

// By structure.

/** Return the ranges from one row that every path passes to the next one, with branches that merge in between. */
function between(items: readonly Item[], edges: readonly Edge[]): [number, number][] {
  const merges = new Uint8Array(items.length);
  for (const edge of edges) merges[edge[1]]++;
  const width = widths(items.length, edges);
  const found: [number, number][] = [];
  let first = 0;
  for (let last = 0; last < items.length; last++) {
    if (width[last] > 0) continue;
    const whole = !items.slice(first, last + 1).some(({ type }) => type === "InputLayer");
    if (last - first + 1 > Math.min(LARGEST, items.length / 2)) found.push(...split(first, last, merges, width));
    else if (merges[last] > 1 && whole && last - first + 1 >= SMALLEST) found.push([first, last]);
    first = last + 1;
  }
  return found;
}

/** Return for each row how many rows before it are still needed after it: 0 where every path passes the row. */
function widths(count: number, edges: readonly Edge[]): Int32Array {
  const last = new Int32Array(count);
  for (const edge of edges) last[edge[0]] = Math.max(last[edge[0]], edge[1]);
  const change = new Int32Array(count + 1);
  for (let row = 0; row < count; row++) {
    if (last[row] <= row + 1) continue;
    change[row + 1]++;
    change[last[row]]--;
  }
  for (let row = 1; row < count; row++) change[row] += change[row - 1];
  return change.subarray(0, count);
}

/**
 * Where skip connections span whole blocks (NASNet), split where branches merge and next to nothing bypasses the row.
 */
function split(first: number, last: number, merges: Uint8Array, width: Int32Array): [number, number][] {
  const parts: [number, number][] = [];
  const cuts = (from: number, to: number, most: number) => {
    let start = from;
    for (let row = from; row <= to; row++) {
      if (row < to && (merges[row] < 2 || width[row] > most || row - start < LARGEST / 8)) continue;
      if (row - start < LARGEST || most > 1) parts.push([start, row]);
      else cuts(start, row, most + 1);
      start = row + 1;
    }
  };
  cuts(first, last, 1);
  // One or two ranges about as long as the whole are no repeated blocks.
  return parts.length > 3 ? parts.filter(([start, end]) => end - start < LARGEST) : [];
}

/** Extend a block by rows with its prefix, or by the activation of its sum, up to the blocks beside it. */
function widen({ first, last, ...kept }: Block, items: readonly Item[], before: number, after: number): Block {
  const { prefix } = kept;
  const belongs = (at: number) => /\d/.test(prefix) && hasPrefix(items[at].name, prefix);
  while (first - 1 > before && belongs(first - 1)) first--;
  const activation = /^(Activation|ReLU|LeakyReLU|PReLU|ELU)$/;
  if (!prefix && last + 1 < after && items[last].type === "Add" && activation.test(items[last + 1].type)) last++;
  while (last + 1 < after && belongs(last + 1)) last++;
  return { first, last, ...kept };
}

// By name, stage or size: neighbours with the same label are joined.

/** Label of a block, or of a row by itself. */
type Labelling = (items: readonly Item[], unit: Block) => string | null;

const byName: Labelling = (items, { first, last }) => (first < last ? null : stageOf(items[first].name, true));
const byStage: Labelling = (items, { first, last, prefix }) =>
  stageOf(first < last ? prefix : items[first].name, false);
const bySize: Labelling = (items, { last }) => items[last].shape?.slice(1, -1).join() || null;

/** Whether a unit may stand between two units labelled `label` without splitting them. */
function indifferent(items: readonly Item[], { first, last, prefix }: Block, label: string): boolean {
  return first < last ? hasPrefix(prefix, label) : items[first].automatic;
}

function joined(items: readonly Item[], blocks: readonly Block[], labelOf: Labelling): Block[] {
  const units = unitsOf(items, blocks);
  const result: Block[] = [];
  for (let at = 0; at < units.length; at++) {
    const label = items[units[at].first].automatic && labelOf === byName ? null : labelOf(items, units[at]);
    let end = at;
    for (let next = at + 1; label !== null && next < units.length; next++) {
      if (labelOf(items, units[next]) === label) end = next;
      else if (labelOf !== byName || !indifferent(items, units[next], label)) break;
    }
    const inside = units.slice(at, end + 1);
    const inner = inside.filter(({ first, last }) => first < last);
    const size = units[end].last - units[at].first + 1;
    if (end > at && size >= SMALLEST && (labelOf !== byStage || inner.length > 1)) {
      // A single block inside a block adds nothing.
      const name = labelOf === bySize || label === null ? "" : label;
      result.push(block(items, units[at].first, units[end].last, name, inner.length > 1 ? inner : []));
    } else {
      result.push(...inner);
    }
    at = end;
  }
  return result;
}

/** Return the blocks, and the rows between them as blocks of one. */
function unitsOf(items: readonly Item[], blocks: readonly Block[]): Block[] {
  const units: Block[] = [];
  let row = 0;
  for (const one of [...blocks, null]) {
    for (; row < (one?.first ?? items.length); row++)
      units.push({ first: row, last: row, name: "", prefix: "", blocks: [] });
    if (one) units.push(one);
    row = (one?.last ?? row) + 1;
  }
  return units;
}
