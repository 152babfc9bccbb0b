import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Method } from "../../messages.ts";
import type { Family } from "../../text/methodSearch.ts";
import { Highlight } from "../controls/Highlight.tsx";
import { useOwnId } from "../hooks/useOwnId.ts";
import { Menu } from "./menu.ts";

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

/** The methods by family, with a search: what each answers, what it costs, or why it does not apply. */
export function MethodMenu(props: Props) {
  const { methods, value, cost } = props;
  const latest = useRef(props);
  latest.current = props;
  const menu = useMemo(
    () => new Menu(methods, ({ name }) => name !== latest.current.value && latest.current.onPick(name)),
    [methods],
  );
  const id = useOwnId();
  const { found, open, query, active } = menu;
  return (
    <div class="ke-field ke-method">
      <span aria-hidden="true">Method</span>
      <Field {...props} menu={menu} id={id} />
      {open.value && (
        <MethodList
          {...{ id, cost, value, found: found.value, query: query.value, active: active.value }}
          onPick={(method) => menu.pick(method)}
        />
      )}
    </div>
  );
}

/** The chosen method; while the menu is open, the search. */
function Field({ methods, value, disabled, onOpen, menu, id }: Props & { menu: Menu; id: string }) {
  const open = menu.open.value;
  const chosen = methods.find(({ name }) => name === value);
  const show = () => {
    if (disabled) return;
    menu.show(value);
    onOpen();
  };
  return (
    <input
      role="combobox"
      aria-label="Method"
      aria-expanded={open}
      aria-controls={open ? id : undefined}
      aria-autocomplete="list"
      aria-activedescendant={open && menu.at >= 0 ? `${id}-${menu.active.value}` : undefined}
      autocomplete="off"
      spellcheck={false}
      disabled={disabled}
      data-lm-suppress-shortcuts="true"
      data-value={value}
      value={open ? menu.query.value : (chosen?.title ?? value)}
      placeholder={open ? "Find method" : undefined}
      title={open ? undefined : chosen?.answers}
      onPointerDown={() => (open ? menu.close() : show())}
      onInput={(event) => {
        const text = event.currentTarget.value;
        if (!menu.open.peek()) show();
        menu.search(text);
      }}
      onKeyDown={(event) => menu.onKeyDown(event, show)}
      onBlur={() => menu.close()}
    />
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
