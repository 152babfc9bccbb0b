import type { Signal } from "@preact/signals";

interface Props {
  name: string;
  query: Signal<string>;
  onKey(event: KeyboardEvent): void;
}

export function SearchBox({ name, query, onKey }: Props) {
  function onKeyDown(event: KeyboardEvent) {
    if (event.key === "Escape" && query.peek()) {
      query.value = "";
      event.stopPropagation();
    } else {
      onKey(event);
    }
  }
  return (
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
  );
}
