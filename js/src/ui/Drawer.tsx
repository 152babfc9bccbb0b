import { useRef } from "preact/hooks";
import { used } from "../host/keys.ts";
import * as table from "../panels/index.ts";
import type { Panel } from "../panels/panel.ts";
import type { Store } from "../state/store.ts";
import { step } from "./controls/listKeys.ts";
import { useOwnId } from "./hooks/useOwnId.ts";

const PANELS: Record<string, Panel<unknown> | undefined> = table as never;

/** The panels that kernel and page have, as tabs: closed at first, one open at a time. */
export function Drawer({ store }: { store: Store }) {
  const tabs = (store.setup.panels ?? []).filter(({ name }) => PANELS[name]);
  const id = useOwnId();
  /** The tab that was open last: Tab and the chevron come to it. */
  const last = useRef(0);
  const at = tabs.findIndex(({ name }) => name === store.display.panel.value);
  if (at >= 0) last.current = at;
  if (tabs.length === 0) return null;
  const show = (index: number) => store.display.setPanel(index === at ? "" : tabs[index].name);
  const name = tabs[at]?.name;
  const panel = PANELS[name];
  const props = panel && { key: name, store, state: store.panel(name, () => panel.create(store)) };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes it from anywhere inside
    <div class="ke-drawer" onKeyDown={(event) => panel && onEscape(event, () => show(at))}>
      <div class="ke-tabs">
        <Tabs {...{ tabs, at, id, last: last.current, show }} />
        {props && panel.Action && (
          <div class="ke-action">
            <panel.Action {...props} />
          </div>
        )}
        <Chevron open={!!panel} onClick={() => show(last.current)} />
      </div>
      {props && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it may scroll
        <div key={name} class="ke-panel" role="tabpanel" id={id} aria-labelledby={`${id}-${at}`} tabIndex={0}>
          <panel.Body {...props} />
        </div>
      )}
    </div>
  );
}

/** The focus goes to the tab: the panel will be gone. */
function onEscape(event: KeyboardEvent, close: () => void): void {
  if (event.key !== "Escape") return;
  (event.currentTarget as HTMLElement).querySelector<HTMLElement>("[aria-selected=true]")?.focus();
  close();
  used(event);
}

interface TabsProps {
  tabs: readonly { name: string; title: string }[];
  /** The open one; -1 for none. */
  at: number;
  /** Of the panel. */
  id: string;
  last: number;
  show(index: number): void;
}

/** A tab opens its panel, the open one closes it. Arrows move along the tabs, and where one is open they open. */
function Tabs({ tabs, at, id, last, show }: TabsProps) {
  const onKey = (event: KeyboardEvent, index: number) => {
    const to = step(event.key, index, tabs.length);
    if (to < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    (event.currentTarget as HTMLElement).parentElement?.querySelectorAll("button")[to].focus();
    if (at >= 0 && to !== at) show(to);
    used(event);
  };
  return (
    <div role="tablist" aria-label="Panels">
      {tabs.map(({ name, title }, index) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`${id}-${index}`}
          aria-selected={index === at}
          aria-controls={index === at ? id : undefined}
          tabIndex={index === last ? 0 : -1}
          onClick={() => show(index)}
          onKeyDown={(event) => onKey(event, index)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

function Chevron({ open, onClick }: { open: boolean; onClick(): void }) {
  const name = open ? "Close panel" : "Open panel";
  return (
    <button type="button" class="ke-icon" aria-label={name} title={name} onClick={onClick}>
      <svg width="10" height="6" viewBox="0 0 10 6" fill="none" stroke="currentColor" aria-hidden="true">
        <path d={open ? "M1 1l4 4 4-4" : "M1 5l4-4 4 4"} />
      </svg>
    </button>
  );
}
