import { type ReadonlySignal, type Signal, useComputed } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Result } from "../contract.ts";
import { formatCount, formatScore } from "../format.ts";
import { step, used } from "../keys.ts";
import { barLength, firstRows, search } from "../ranking.ts";
import { Marked } from "./Marked.tsx";
import { SearchBox } from "./SearchBox.tsx";
import { scrollToItem } from "./useWindow.ts";

/** Rows that exist at once; whoever looks for another class types. */
const LIMIT = 100;

interface Props {
  labels: readonly string[];
  ranking: ReadonlySignal<number[]>;
  /** Of the image on show. */
  result: ReadonlySignal<Result | null>;
  chosen: ReadonlySignal<number>;
  enabled: ReadonlySignal<boolean>;
  query: Signal<string>;
  onPick(index: number): void;
}

export function ClassList({ labels, ranking, result, chosen, enabled, query, onPick }: Props) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const found = useComputed(() => search(ranking.value, labels, query.value));
  const visible = useComputed(() => firstRows(found.value, chosen.value, LIMIT));
  const bars = useComputed(() => measure(result.value));
  useEffect(() => {
    const row = box.current?.querySelector<HTMLElement>("[aria-selected='true']");
    if (box.current && row) scrollToItem(box.current, row.offsetTop, row.offsetHeight, "y");
  }, [chosen.value, ranking.value]);

  function pick(index: number | undefined) {
    if (index === undefined || !enabled.peek()) return;
    onPick(index);
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey || /Left|Right/.test(event.key)) return;
    const { rows } = visible.peek();
    const to = step(event.key, rows.indexOf(chosen.peek()), rows.length);
    if (to < 0) return;
    used(event);
    pick(rows[to]);
    box.current?.focus({ preventScroll: true });
  }

  function onSearchKey(event: KeyboardEvent) {
    if (event.key === "Enter") pick(found.peek()[0]);
    else if (event.key === "ArrowDown") box.current?.focus();
    else return;
    used(event);
  }

  return (
    <section class="ke-side ke-classes">
      <h3>
        Classes
        <span>
          {found.value.length < labels.length && `${formatCount(found.value.length)} of `}
          {formatCount(labels.length)}
        </span>
      </h3>
      <SearchBox name="Find class" query={query} onKey={onSearchKey} />
      <div
        ref={box}
        class="ke-scroll"
        role="listbox"
        aria-label="Classes"
        aria-disabled={!enabled.value || undefined}
        aria-activedescendant={visible.value.rows.includes(chosen.value) ? `${id}-${chosen.value}` : undefined}
        tabIndex={0}
        data-lm-suppress-shortcuts="true"
        data-stale={result.value === null || undefined}
        onKeyDown={onKeyDown}
      >
        {visible.value.rows.map((index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys of all its rows
          <div
            key={index}
            id={`${id}-${index}`}
            role="option"
            class="ke-class"
            aria-selected={index === chosen.value}
            tabIndex={-1}
            title={labels[index]}
            style={{ "--score": bars.value?.(index) ?? 0 }}
            onClick={() => pick(index)}
          >
            <span class="ke-name">
              <Marked text={labels[index]} query={query} />
            </span>
            <span class="ke-number">{result.value && formatScore(result.value.scores[index])}</span>
          </div>
        ))}
        {visible.value.more > 0 && <p class="ke-aside">{formatCount(visible.value.more)} more: type to find them.</p>}
        {found.value.length === 0 && <p class="ke-aside">No class fits.</p>}
      </div>
    </section>
  );
}

/** How long each class's bar is. */
function measure(result: Result | null): ((index: number) => number) | null {
  if (!result) return null;
  const { scores, scores_kind: kind } = result;
  const low = scores.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return (index) => barLength(scores[index], kind, low, high);
}
