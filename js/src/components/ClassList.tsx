import { type ReadonlySignal, type Signal, useComputed, useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Result } from "../contract.ts";
import { formatCount, formatScore } from "../format.ts";
import { step, used } from "../keys.ts";
import { barLengths, firstRows, search } from "../ranking.ts";
import { Marked } from "./Marked.tsx";
import { SearchBox } from "./SearchBox.tsx";
import { useAfterPaint } from "./useAfterPaint.ts";
import { scrollToItem } from "./useWindow.ts";

/** Rows that exist at once; whoever looks for another class types. */
const LIMIT = 100;
/** Those that are in view at first. */
const FIRST = 24;

interface Props {
  labels: readonly string[];
  ranking: ReadonlySignal<number[]>;
  /** Of the image on show. */
  result: ReadonlySignal<Result | null>;
  chosen: ReadonlySignal<number>;
  /** Why the chosen one and not this one. */
  contrast: ReadonlySignal<number | null>;
  enabled: ReadonlySignal<boolean>;
  query: Signal<string>;
  onPick(index: number): void;
  /** Nothing where contrasts are not to be had. */
  onContrast: ((index: number) => void) | null;
  /** Show it in a pane of its own. */
  onPane(index: number): void;
}

interface Keys {
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
}

/** Choose a class: alone, with Shift as the one to contrast with, with Ctrl or Cmd in a pane of its own. */
function choose(index: number, { shiftKey, ctrlKey, metaKey }: Keys, props: Props): void {
  if (!props.enabled.peek()) return;
  if (ctrlKey || metaKey) props.onPane(index);
  else if (shiftKey && props.onContrast) props.onContrast(index);
  else props.onPick(index);
}

export function ClassList(props: Props) {
  const { labels, ranking, query, onContrast } = props;
  const box = useRef<HTMLDivElement>(null);
  const count = ranking.value.length;
  const found = useComputed(() => search(ranking.value, labels, query.value));

  function onSearchKey(event: KeyboardEvent) {
    const [best] = found.peek();
    if (event.key === "Enter" && best !== undefined) choose(best, event, props);
    else if (event.key === "ArrowDown") box.current?.focus();
    else return;
    used(event);
  }

  return (
    <section class="ke-side ke-classes">
      <h3>
        Classes
        <span>
          {found.value.length < count && `${formatCount(found.value.length)} of `}
          {formatCount(count)}
        </span>
      </h3>
      <SearchBox name="Find class" query={query} onKey={onSearchKey} />
      <Options {...props} box={box} found={found} />
      {found.value.length === 0 && <p class="ke-aside">No class fits.</p>}
      {count > 1 && (
        <p class="ke-aside ke-tip">
          {onContrast && "Shift-click a second class to contrast the two, "}Ctrl-click to compare.
        </p>
      )}
    </section>
  );
}

interface OptionsProps extends Props {
  box: { current: HTMLDivElement | null };
  found: ReadonlySignal<number[]>;
}

/** The list itself: the arrows move and pick; with Ctrl they only move, and Enter picks in one of three ways. */
function Options({ box, found, ...props }: OptionsProps) {
  const { labels, ranking, result, chosen, contrast, enabled, query, onPick } = props;
  const id = useId();
  const cursor = useSignal(chosen.peek());
  const limit = useAfterPaint() ? LIMIT : FIRST;
  const visible = firstRows(found.value, chosen.value, limit);
  const bars = useComputed(() => (result.value ? barLengths(result.value.scores, result.value.scores_kind) : null));
  const { rows, more } = visible;
  useEffect(() => {
    const row = box.current?.querySelector<HTMLElement>("[aria-selected='true']");
    if (box.current && row) scrollToItem(box.current, row.offsetTop, row.offsetHeight, "y");
  }, [chosen.value, ranking.value]);
  // New scores move the rows, not the cursor: a second Shift+Enter must meet the class that the first one met.
  useEffect(() => {
    cursor.value = chosen.value;
  }, [chosen.value]);
  useEffect(() => {
    const row = box.current?.querySelector<HTMLElement>("[data-cursor]");
    if (box.current && row) scrollToItem(box.current, row.offsetTop, row.offsetHeight, "y");
  }, [cursor.value]);

  function onKeyDown(event: KeyboardEvent) {
    if (event.altKey || /Left|Right/.test(event.key)) return;
    const to = step(event.key, rows.indexOf(cursor.peek()), rows.length);
    if (event.key === "Enter") choose(cursor.peek(), event, props);
    else if (to < 0 || event.shiftKey) return;
    else if (event.ctrlKey || event.metaKey) cursor.value = rows[to];
    else if (enabled.peek()) onPick(rows[to]);
    used(event);
    box.current?.focus({ preventScroll: true });
  }

  function onClick(index: number, event: MouseEvent) {
    choose(index, event, props);
    cursor.value = index;
  }

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
      onKeyDown={onKeyDown}
    >
      {rows.map((index) => (
        <Option
          key={index}
          id={`${id}-${index}`}
          label={labels[index]}
          query={query}
          chosen={index === chosen.value}
          against={index === contrast.value}
          cursor={index === cursor.value}
          bar={bars.value?.[index] ?? 0}
          score={result.value?.scores[index]}
          onClick={(event) => onClick(index, event)}
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
  /** The chosen one is contrasted with it. */
  against: boolean;
  /** The keyboard is on it. */
  cursor: boolean;
  /** Share of the row, 0 to 1. */
  bar: number;
  score: number | undefined;
  onClick(event: MouseEvent): void;
}

function Option({ id, label, query, chosen, against, cursor, bar, score, onClick }: OptionProps) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys of all its rows
    <div
      id={id}
      role="option"
      class="ke-class"
      aria-selected={chosen}
      data-against={against || undefined}
      data-cursor={cursor || undefined}
      tabIndex={-1}
      title={label}
      style={{ "--score": bar }}
      onClick={onClick}
    >
      {against && <span class="ke-versus">vs</span>}
      <span class="ke-name">
        <Marked text={label} query={query} />
      </span>
      <span class="ke-number">{score !== undefined && formatScore(score)}</span>
    </div>
  );
}
