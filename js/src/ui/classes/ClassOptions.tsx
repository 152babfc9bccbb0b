import { type ReadonlySignal, type Signal, useComputed, useSignal } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import { used } from "../../host/keys.ts";
import type { Result } from "../../messages.ts";
import { firstRows } from "../../state/classOrder.ts";
import { barLengths } from "../../state/scores.ts";
import { formatColumn, formatCount, scoreDecimals } from "../../text/format.ts";
import { BESIDE, type Truncated, truncate } from "../../text/truncate.ts";
import { nextMatch, type TypeAhead } from "../../text/typeAhead.ts";
import { step } from "../controls/listKeys.ts";
import { TruncatedName } from "../controls/TruncatedName.tsx";
import { useOwnId } from "../hooks/useOwnId.ts";
import { useSyncEffect } from "../hooks/useSyncEffect.ts";
import { useVirtualList } from "../hooks/useVirtualList.ts";

/** Rows that can be scrolled through; whoever looks for another class types. */
const LIMIT = 100;
/** Pixels. */
const HEIGHT = 24;

export interface ClassProps {
  labels: readonly string[];
  ranking: ReadonlySignal<readonly number[]>;
  /** Of the image on show. */
  result: ReadonlySignal<Result | null>;
  chosen: ReadonlySignal<number>;
  /** Why the chosen one and not this one. */
  contrast: ReadonlySignal<number | null>;
  enabled: ReadonlySignal<boolean>;
  query: Signal<string>;
  typeAhead: TypeAhead;
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
export function choose(index: number, { shiftKey, ctrlKey, metaKey }: Keys, props: ClassProps): void {
  if (!props.enabled.peek()) return;
  if (ctrlKey || metaKey) props.onPane(index);
  else if (shiftKey && props.onContrast) props.onContrast(index);
  else props.onPick(index);
}

interface Props extends ClassProps {
  box: { current: HTMLDivElement | null };
  found: ReadonlySignal<readonly number[]>;
}

/** The classes: arrows and letters move and pick; arrows with Ctrl only move, and Enter picks in one of three ways. */
export function ClassOptions(props: Props) {
  const { box, found, labels, ranking, chosen, contrast, enabled, query, typeAhead, onPick } = props;
  const id = useOwnId();
  const cursor = useSignal(chosen.peek());
  const pinned = useComputed(() => (found.value.indexOf(chosen.value) >= LIMIT ? chosen.value : -1));
  const listed = useComputed(() => firstRows(found.value, pinned.value, LIMIT));
  const { rows, more } = listed.value;
  const cut = useMemo(() => truncate(labels, BESIDE), [labels]);
  const scores = useScores(props.result);
  const { range, laidOut, show } = useVirtualList(
    box,
    useComputed(() => listed.value.rows.length),
    HEIGHT,
    "y",
  );
  // New scores move the rows, not the cursor: a second Shift+Enter must meet the class that the first one met.
  useSyncEffect(() => {
    cursor.value = chosen.value;
  });
  const seek = (index: number) => show(listed.peek().rows.indexOf(index));
  useSyncEffect(() => {
    if (laidOut.value && ranking.value) seek(chosen.value);
  });
  useSyncEffect(() => seek(cursor.value));

  function onKeyDown(event: KeyboardEvent) {
    if (event.altKey || /Left|Right/.test(event.key)) return;
    if (event.key.length === 1 && !event.ctrlKey && !event.metaKey) return find(event);
    const to = step(event.key, rows.indexOf(cursor.peek()), rows.length);
    if (event.key !== "Enter" && (to < 0 || event.shiftKey)) return;
    used(event);
    // First, since to take the focus lays out what is changed.
    box.current?.focus({ preventScroll: true });
    if (event.key === "Enter") choose(cursor.peek(), event, props);
    else if (event.ctrlKey || event.metaKey) cursor.value = rows[to];
    else if (enabled.peek()) onPick(rows[to]);
  }

  /** Go to the next class, in or out of view, that begins with what is typed. */
  function find(event: KeyboardEvent) {
    used(event);
    if (event.key === " " && !typeAhead.active) return;
    const all = found.peek();
    const begins = (at: number, text: string) => labels[all[at]].toLowerCase().startsWith(text);
    const at = nextMatch(all.length, all.indexOf(cursor.peek()), typeAhead.add(event.key), begins);
    if (at >= 0 && enabled.peek()) onPick(all[at]);
  }

  // New scores can put another class under the finger while it is down: the one that was pressed is meant.
  const pressed = useRef(-1);

  function onPointerDown(event: PointerEvent) {
    pressed.current = indexAt(event);
  }

  function onClick(event: MouseEvent) {
    // Clicks by script or a reader's software have no `detail`, and press nothing before.
    const index = event.detail > 0 ? pressed.current : indexAt(event);
    if (index < 0 || indexAt(event) < 0) return;
    choose(index, event, props);
    cursor.value = index;
  }

  const [first, last] = range.value;
  // The places that a reader is led to are there also out of view.
  const places = new Set([rows.indexOf(chosen.value), rows.indexOf(cursor.value)].filter((at) => at >= 0));
  for (let at = first; at < last; at++) places.add(at);
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
      onPointerDown={onPointerDown}
      onClick={onClick}
    >
      <div class="ke-options" style={{ height: `${rows.length * HEIGHT}px` }}>
        {[...places]
          .sort((a, b) => a - b)
          .map((at) => (
            <Option
              // By its place: new scores change what rows say, and move none.
              key={at}
              id={`${id}-${rows[at]}`}
              index={rows[at]}
              place={at}
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
      {rows.length === 0 && <p class="ke-aside">No class fits.</p>}
      {more > 0 && <p class="ke-aside">{formatCount(more)} more: type to find them.</p>}
    </div>
  );
}

/** The class of the row that an event is on; -1 beside them. */
function indexAt(event: Event): number {
  const row = (event.target as Element).closest<HTMLElement>("[role=option]");
  return row ? Number(row.dataset.index) : -1;
}

/** The scores and how long their bars are; the same where a new map comes with the scores that were here. */
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

interface OptionProps {
  id: string;
  index: number;
  /** From 0. */
  place: number;
  count: number;
  label: string;
  cut: Truncated;
  query: ReadonlySignal<string>;
  chosen: boolean;
  /** The chosen one is contrasted with it. */
  against: boolean;
  /** The keyboard is on it. */
  cursor: boolean;
  /** Share of the row, 0 to 1. */
  bar: number;
  score: string;
}

function Option({ id, index, place, count, label, cut, query, chosen, against, cursor, bar, score }: OptionProps) {
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus, and the keys of all its rows
    <div
      id={id}
      role="option"
      class="ke-class"
      aria-selected={chosen}
      aria-posinset={place + 1}
      aria-setsize={count}
      data-index={index}
      data-against={against || undefined}
      data-cursor={cursor || undefined}
      title={label}
      style={{ top: `${place * HEIGHT}px`, "--score": bar }}
    >
      {against && <span class="ke-versus">vs</span>}
      <TruncatedName cut={cut} query={query.value} /> <i class="ke-score" />
      <span class="ke-number">{score}</span>
    </div>
  );
}
