import { type ReadonlySignal, type Signal, useComputed } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Result } from "../contract.ts";
import { formatCount, formatScore } from "../format.ts";
import { step, used } from "../keys.ts";
import { barLengths, firstRows, search } from "../ranking.ts";
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

export function ClassList(props: Props) {
  const { labels, ranking, enabled, query, onPick } = props;
  const box = useRef<HTMLDivElement>(null);
  const found = useComputed(() => search(ranking.value, labels, query.value));

  function onSearchKey(event: KeyboardEvent) {
    const [best] = found.peek();
    if (event.key === "Enter" && best !== undefined && enabled.peek()) onPick(best);
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
      <Options {...props} box={box} found={found} />
      {found.value.length === 0 && <p class="ke-aside">No class fits.</p>}
    </section>
  );
}

interface OptionsProps extends Props {
  box: { current: HTMLDivElement | null };
  found: ReadonlySignal<number[]>;
}

/** The list itself: the arrows move and pick. */
function Options({ labels, ranking, result, chosen, enabled, query, onPick, box, found }: OptionsProps) {
  const id = useId();
  const visible = useComputed(() => firstRows(found.value, chosen.value, LIMIT));
  const bars = useComputed(() => (result.value ? barLengths(result.value.scores, result.value.scores_kind) : null));
  const { rows, more } = visible.value;
  useEffect(() => {
    const row = box.current?.querySelector<HTMLElement>("[aria-selected='true']");
    if (box.current && row) scrollToItem(box.current, row.offsetTop, row.offsetHeight, "y");
  }, [chosen.value, ranking.value]);

  function onKeyDown(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey || /Left|Right/.test(event.key)) return;
    const to = step(event.key, rows.indexOf(chosen.peek()), rows.length);
    if (to < 0) return;
    used(event);
    if (enabled.peek()) onPick(rows[to]);
    box.current?.focus({ preventScroll: true });
  }

  return (
    <div
      ref={box}
      class="ke-scroll"
      role="listbox"
      aria-label="Classes"
      aria-disabled={!enabled.value || undefined}
      aria-activedescendant={rows.includes(chosen.value) ? `${id}-${chosen.value}` : undefined}
      tabIndex={0}
      data-lm-suppress-shortcuts="true"
      onKeyDown={onKeyDown}
    >
      {rows.map((index) => (
        <Option
          key={index}
          id={`${id}-${index}`}
          label={labels[index]}
          query={query}
          chosen={index === chosen.value}
          bar={bars.value?.[index] ?? 0}
          score={result.value?.scores[index]}
          onClick={() => enabled.peek() && onPick(index)}
        />
      ))}
      {more > 0 && <p class="ke-aside">{formatCount(more)} more: type to find them.</p>}
    </div>
  );
}

interface OptionProps {
  id: string;
  label: string;
  query: ReadonlySignal<string>;
  chosen: boolean;
  /** Share of the row, 0 to 1. */
  bar: number;
  score: number | undefined;
  onClick(): void;
}

function Option({ id, label, query, chosen, bar, score, onClick }: OptionProps) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys of all its rows
    <div
      id={id}
      role="option"
      class="ke-class"
      aria-selected={chosen}
      tabIndex={-1}
      title={label}
      style={{ "--score": bar }}
      onClick={onClick}
    >
      <span class="ke-name">
        <Marked text={label} query={query} />
      </span>
      <span class="ke-number">{score !== undefined && formatScore(score)}</span>
    </div>
  );
}
