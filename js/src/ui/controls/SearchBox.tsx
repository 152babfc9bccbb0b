import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";

interface Props {
  name: string;
  query: Signal<string>;
  /** Number of items, or of matches. */
  count: ComponentChildren;
  onKey(event: KeyboardEvent): void;
}

/** A search field whose placeholder names the list below it. */
export function SearchBox({ name, query, count, onKey }: Props) {
  function onKeyDown(event: KeyboardEvent) {
    if (event.key === "Escape" && query.peek()) {
      query.value = "";
      event.stopPropagation();
    } else {
      onKey(event);
    }
  }
  return (
    <div class="ke-find">
      <input
        type="search"
        class="ke-search"
        aria-label={name}
        placeholder={name}
        autocomplete="off"
        spellcheck={false}
        data-lm-suppress-shortcuts="true"
        value={query}
        onInput={(event) => {
          query.value = event.currentTarget.value;
        }}
        onKeyDown={onKeyDown}
      />
      <span aria-live="polite">{count}</span>
    </div>
  );
}
