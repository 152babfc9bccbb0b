import { useLayoutEffect, useRef } from "preact/hooks";
import { neighbours } from "../../graph/edges.ts";
import { ROW_HEIGHT } from "../../graph/gutter.ts";
import type { Edge } from "../../graph/lanes.ts";
import type { OutlineNode } from "../../graph/outline.ts";
import { formatCount, formatShape } from "../../text/format.ts";
import type { Shown } from "./useHoverCard.ts";

interface Props extends Shown {
  id: string;
  nodes: readonly OutlineNode[];
  edges: readonly Edge[];
}

/** Number of neighbours that are listed by name. */
const NAMED = 4;

/** A tooltip with the details of a row, below it or, in the lower half, above it: never over the picture. */
export function LayerCard({ id, nodes, edges, index, top }: Props) {
  const card = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = card.current;
    const panel = element?.parentElement;
    if (!element || !panel) return;
    const under = top < panel.clientHeight / 2;
    element.style.top = `${under ? top + ROW_HEIGHT + 4 : top - element.offsetHeight - 4}px`;
  });
  const node = nodes[index];
  const { from, to } = neighbours(nodes, edges, index);
  const shape = formatShape(node.shape, " × ");
  return (
    <div ref={card} id={id} role="tooltip" class="ke-card">
      <b>{node.path}</b>
      <p>
        {node.block ? `Block of ${formatCount(node.layers)} layers` : node.type}
        {shape && ` · ${shape}`}
        {` · ${formatCount(node.params)} parameters`}
      </p>
      {!node.block && <p>{mapOf(node)}</p>}
      {edges.length > 0 && (
        <dl>
          <dt>From</dt>
          <dd>{names(nodes, from) || "none (input)"}</dd>
          <dt>To</dt>
          <dd>{names(nodes, to) || "none (output)"}</dd>
        </dl>
      )}
    </div>
  );
}

function mapOf({ spatial, absent }: OutlineNode): string {
  if (absent) return "Not in this file.";
  return spatial ? "Can be explained." : "Cannot be explained: no spatial output.";
}

function names(nodes: readonly OutlineNode[], indices: readonly number[]): string {
  const named = indices.slice(0, NAMED).map((index) => nodes[index].path);
  return named.join(", ") + (indices.length > NAMED ? ` and ${indices.length - NAMED} more` : "");
}
