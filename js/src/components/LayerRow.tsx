import type { ReadonlySignal } from "@preact/signals";
import type { LayerNode } from "../contract.ts";
import { formatCount, formatShape } from "../format.ts";
import type { Row } from "../tree.ts";
import { Marked } from "./Marked.tsx";

export const ROW_HEIGHT = 26;

interface Props {
  node: LayerNode;
  row: Row;
  top: number;
  chosen: boolean;
  active: boolean;
  /** The kernel is there to be asked. */
  enabled: boolean;
  query: ReadonlySignal<string>;
  onClick(event: MouseEvent): void;
}

export function LayerRow({ node, row, top, chosen, active, enabled, query, onClick }: Props) {
  const shape = formatShape(node.shape, " × ");
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree handles the keys of all its rows
    <div
      role="treeitem"
      class="ke-row"
      data-path={node.path}
      data-fixed={!node.spatial || undefined}
      data-miss={!row.hit || undefined}
      aria-label={[node.path, node.type, shape].filter(Boolean).join(", ")}
      aria-level={node.level + 1}
      aria-posinset={row.position}
      aria-setsize={row.siblings}
      aria-selected={chosen}
      aria-expanded={row.expandable ? row.expanded : undefined}
      aria-disabled={!enabled || !node.spatial || undefined}
      tabIndex={active ? 0 : -1}
      title={`${node.path}\n${node.type}, ${formatCount(node.params)} parameters`}
      style={{ top: `${top}px`, "--level": node.level }}
      onClick={onClick}
    >
      <span class="ke-caret" aria-hidden="true">
        {row.expandable && (
          <svg width="8" height="8" viewBox="0 0 8 8" fill="currentColor" aria-hidden="true">
            <path d="M2 .5 6.5 4 2 7.5z" />
          </svg>
        )}
      </span>
      <span class="ke-name">
        <Marked text={node.name} query={query} />
      </span>
      <span class="ke-shape">{formatShape(node.shape)}</span>
    </div>
  );
}
