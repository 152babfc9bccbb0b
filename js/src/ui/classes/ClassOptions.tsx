import { useComputed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { barLengths } from "../../state/scores.ts";
import { formatColumn, formatCount, scoreDecimals } from "../../text/format.ts";
import { CLASS_LIMITS, truncate } from "../../text/truncate.ts";
import { useOwnId } from "../hooks/useOwnId.ts";
import { ClassOption } from "./ClassOption.tsx";
import type { ClassProps, OptionsProps } from "./classProps.ts";
import { useClassEvents } from "./useClassEvents.ts";
import { type ClassRows, HEIGHT, useClassRows } from "./useClassRows.ts";

export function ClassOptions(props: OptionsProps) {
  const { box, enabled } = props;
  const id = useOwnId();
  const list = useClassRows(props);
  const { rows, more, cursor } = list;
  const events = useClassEvents(props, list);
  return (
    <div
      ref={box}
      class="ke-scroll"
      role="listbox"
      aria-label="Classes"
      aria-disabled={!enabled.value || undefined}
      aria-activedescendant={rows.includes(cursor.value) ? `${id}-${cursor.value}` : undefined}
      tabIndex={0}
      data-lm-suppress-shortcuts="true"
      {...events}
    >
      <Rows {...props} id={id} list={list} />
      {rows.length === 0 && <p class="ke-note">No matching class.</p>}
      {more > 0 && <p class="ke-note">{formatCount(more)} more: search to find them.</p>}
    </div>
  );
}

function Rows({ id, list, labels, query, chosen, contrast, result }: OptionsProps & { id: string; list: ClassRows }) {
  const { rows, cursor } = list;
  const cut = useMemo(() => truncate(labels, CLASS_LIMITS), [labels]);
  const scores = useScores(result);
  return (
    <div class="ke-options" style={{ height: `${rows.length * HEIGHT}px` }}>
      {list.rendered().map((at) => (
        <ClassOption
          // By position: new scores change what rows contain, and move none.
          key={at}
          id={`${id}-${rows[at]}`}
          index={rows[at]}
          position={at}
          count={rows.length}
          label={labels[rows[at]]}
          cut={cut(labels[rows[at]])}
          query={query}
          chosen={rows[at] === chosen.value}
          against={rows[at] === contrast.value}
          cursor={rows[at] === cursor.value}
          bar={scores.value?.bars[rows[at]] ?? 0}
          score={scores.value ? textOf(scores.value, rows[at]) : ""}
        />
      ))}
    </div>
  );
}

/** The scores and their bars; the same objects where a new map has the same scores. */
function useScores(result: ClassProps["result"]) {
  const all = useComputed(() => result.value?.scores ?? null);
  const kind = useComputed(() => result.value?.scores_kind ?? "probability");
  return useComputed(
    () =>
      all.value && {
        all: all.value,
        kind: kind.value,
        bars: barLengths(all.value, kind.value),
        decimals: scoreDecimals(all.value),
      },
  );
}

type Scores = NonNullable<ReturnType<typeof useScores>["value"]>;

function textOf({ all, kind, decimals }: Scores, index: number): string {
  return index < all.length ? formatColumn(all[index], decimals, kind) : "";
}
