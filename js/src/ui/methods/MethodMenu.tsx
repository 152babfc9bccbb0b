import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { used } from "../../host/keys.ts";
import type { Method } from "../../messages.ts";
import { type Family, families } from "../../text/methodSearch.ts";
import { Highlight } from "../controls/Highlight.tsx";
import { step } from "../controls/listKeys.ts";
import { useOwnId } from "../hooks/useOwnId.ts";

interface Props {
  methods: readonly Method[];
  /** Name of the chosen one. */
  value: string;
  disabled: boolean;
  /** What a method costs, in words; empty while that is not known. */
  cost(name: string): string;
  onOpen(): void;
  onPick(name: string): void;
}

/** The methods by family, with a search: a combobox whose list says what each answers, its cost, or why it does not apply. */
export function MethodMenu({ methods, value, disabled, cost, onOpen, onPick }: Props) {
  const open = useSignal(false);
  const query = useSignal("");
  /** Name of the method that the keys have reached. */
  const active = useSignal(value);
  const id = useOwnId();
  const input = useRef<HTMLInputElement>(null);
  const chosen = methods.find(({ name }) => name === value);
  const found = open.value ? families(methods, query.value) : [];
  const listed = found.flatMap((family) => family.methods);
  const at = listed.findIndex(({ name }) => name === active.value);

  function show() {
    if (open.peek() || disabled) return;
    query.value = "";
    active.value = value;
    open.value = true;
    onOpen();
  }
  function close() {
    open.value = false;
  }
  function pick(method: Method | undefined) {
    if (!method || method.reason) return;
    close();
    if (method.name !== value) onPick(method.name);
  }
  function onKeyDown(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey) return;
    if (!open.peek()) {
      if (!["ArrowDown", "ArrowUp", "Enter", " "].includes(event.key)) return;
      show();
    } else if (event.key === "Escape") close();
    else if (event.key === "Enter") pick(listed[at]);
    else if (["ArrowDown", "ArrowUp", "PageDown", "PageUp"].includes(event.key)) {
      const to = step(event.key, at, listed.length, 6);
      if (to >= 0) active.value = listed[to].name;
    } else return;
    used(event);
  }
  return (
    <div class="ke-field ke-method">
      <span aria-hidden="true">Method</span>
      <input
        ref={input}
        role="combobox"
        aria-label="Method"
        aria-expanded={open.value}
        aria-controls={open.value ? id : undefined}
        aria-autocomplete="list"
        aria-activedescendant={open.value && at >= 0 ? `${id}-${listed[at].name}` : undefined}
        autocomplete="off"
        spellcheck={false}
        disabled={disabled}
        data-lm-suppress-shortcuts="true"
        data-value={value}
        value={open.value ? query.value : (chosen?.title ?? value)}
        placeholder={open.value ? "Find method" : undefined}
        title={open.value ? undefined : chosen?.answers}
        onPointerDown={() => (open.peek() ? close() : show())}
        onInput={(event) => {
          const text = event.currentTarget.value;
          if (!open.peek()) show();
          query.value = text;
          active.value = families(methods, text)[0]?.methods[0]?.name ?? "";
        }}
        onKeyDown={onKeyDown}
        onBlur={close}
      />
      {open.value && (
        <MethodList
          {...{ id, found, cost, query: query.value, value, active: active.value }}
          onPick={(method) => pick(method)}
        />
      )}
    </div>
  );
}

interface ListProps {
  id: string;
  found: readonly Family[];
  query: string;
  value: string;
  active: string;
  cost(name: string): string;
  onPick(method: Method): void;
}

function MethodList({ id, found, query, value, active, cost, onPick }: ListProps) {
  const list = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    list.current?.querySelector(".ke-active")?.scrollIntoView({ block: "nearest" });
  }, [active, query]);
  return (
    // The field keeps the focus: a press on the list must not take it.
    <div
      ref={list}
      class="ke-methods"
      role="listbox"
      id={id}
      aria-label="Methods"
      onPointerDown={(event) => event.preventDefault()}
    >
      {found.map(({ title, methods }) => (
        // biome-ignore lint/a11y/useSemanticElements: a group of options, not of fields
        <div key={title} role="group" aria-label={title}>
          <div class="ke-family" aria-hidden="true">
            {title}
          </div>
          {methods.map((method) => (
            <MethodOption
              key={method.name}
              {...{ method, query, id: `${id}-${method.name}`, cost: cost(method.name) }}
              chosen={method.name === value}
              active={method.name === active}
              onPick={() => onPick(method)}
            />
          ))}
        </div>
      ))}
      {found.length === 0 && <p>No method matches.</p>}
    </div>
  );
}

interface OptionProps {
  method: Method;
  id: string;
  query: string;
  chosen: boolean;
  active: boolean;
  cost: string;
  onPick(): void;
}

function MethodOption({ method, id, query, chosen, active, cost, onPick }: OptionProps) {
  const { name, title, answers, reason } = method;
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the field has the focus
    // biome-ignore lint/a11y/useKeyWithClickEvents: the field hears the keys
    <div
      role="option"
      id={id}
      class={active ? "ke-active" : undefined}
      aria-selected={chosen}
      aria-disabled={reason ? true : undefined}
      data-value={name}
      onClick={onPick}
    >
      <b>
        <Highlight text={title} query={query} />
      </b>
      <span class="ke-cost">{reason ? "does not apply" : cost}</span>
      <span class="ke-answers">{reason || <Highlight text={answers ?? ""} query={query} />}</span>
    </div>
  );
}
