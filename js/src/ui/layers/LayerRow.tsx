import type { ReadonlySignal } from "@preact/signals";
import type { OutlineNode } from "../../graph/outline.ts";
import type { Row } from "../../graph/tree.ts";
import { formatCount, formatShape } from "../../text/format.ts";
import { Highlight } from "../controls/Highlight.tsx";
import { type Beside, Gutter } from "./Gutter.tsx";

/** Shorter names are truncated at their end, if at all. */
const LONG = 14;
/** The last word of a name, with the one before a number: layer names often differ only there. */
const TAIL = /[_.-](?:[^_.-]{1,10}[_.-]\d+|[^_.-]{2,12})$/;

interface Props {
  node: OutlineNode;
  row: Row;
  top: number;
  beside: Beside;
  chosen: boolean;
  /** The chosen layer is folded inside. */
  holds: boolean;
  active: boolean;
  /** There is a kernel. */
  enabled: ReadonlySignal<boolean>;
  searching: boolean;
  /** It matches the query. */
  hit: boolean;
  /** Number of matches that are folded inside. */
  hidden: number;
  query: ReadonlySignal<string>;
  /** Id of its tooltip, while that is open. */
  described?: string;
}

export function LayerRow(props: Props) {
  const { node, row, top, chosen, holds, active, enabled, searching, hit, hidden, described } = props;
  const pickable = enabled.value && node.spatial;
  return (
    <div
      role="treeitem"
      class="ke-row"
      data-path={node.block ? undefined : node.path}
      data-index={row.index}
      data-fixed={!(node.spatial || node.block) || undefined}
      data-hit={hit || undefined}
      data-miss={(searching && !hit && hidden === 0) || undefined}
      data-holds={holds || undefined}
      aria-level={node.level + 1}
      aria-posinset={row.position}
      aria-setsize={row.siblings}
      aria-selected={chosen}
      aria-expanded={row.expandable ? row.expanded : undefined}
      aria-disabled={!(pickable || row.expandable) || undefined}
      aria-describedby={described}
      tabIndex={active ? 0 : -1}
      style={{ top: `${top}px`, "--level": node.level }}
    >
      <Content {...props} />
    </div>
  );
}

function Content({ node, row, beside, hit, hidden, query }: Props) {
  const folded = node.layers > 0 && !row.expanded ? formatCount(node.layers) : "";
  return (
    <>
      <Gutter {...beside} mark={markOf(node, row, beside)} />
      <span class="ke-caret" aria-hidden="true">
        {row.expandable && (
          <svg width="8" height="8" viewBox="0 0 8 8" fill="currentColor" aria-hidden="true">
            <path d="M2 .5 6.5 4 2 7.5z" />
          </svg>
        )}
      </span>
      {hit ? (
        <span class="ke-name">
          <Highlight text={node.label} query={query.value} />
        </span>
      ) : (
        <Name text={node.label} />
      )}{" "}
      {folded && (
        <span class="ke-count">
          {hidden > 0 && <mark>{formatCount(hidden)} of</mark>} {folded}
        </span>
      )}{" "}
      <span class="ke-shape">{formatShape(node.shape)}</span>
      <span class="ke-hidden">{hiddenText(node)}</span>
    </>
  );
}

/** A name that is truncated in the middle where space is short; screen readers get it whole. */
function Name({ text }: { text: string }) {
  const tail = text.length >= LONG ? TAIL.exec(text) : null;
  if (!tail) return <span class="ke-name">{text}</span>;
  return (
    <>
      <span class="ke-name ke-long" aria-hidden="true">
        <span>{text.slice(0, tail.index)}</span>
        <span>{tail[0]}</span>
      </span>
      <span class="ke-hidden">{text}</span>
    </>
  );
}

/** Text for screen readers after the visible one: everything that the lanes show. */
function hiddenText({ label, path, type, block, layers, absent }: OutlineNode): string {
  const inside = layers > 0 && `${formatCount(layers)} layers inside`;
  const parts = [path !== label && path, block ? "block" : type, inside, absent && "not in this file"];
  return `, ${parts.filter(Boolean).join(", ")}`;
}

function markOf(node: OutlineNode, row: Row, beside: Beside) {
  // An unfolded block is drawn by its rows; without edges there is nothing to draw.
  if (beside.lane < 0 || (node.block && row.expanded)) return null;
  if (node.block || (row.expandable && !row.expanded)) return "fold";
  return node.spatial ? "explainable" : "other";
}
