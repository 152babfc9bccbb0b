import "./styles/index.css";
import { render } from "preact";
import type { WidgetModel } from "./messages.ts";
import { Store } from "./state/store.ts";
import { ViewState } from "./state/viewState.ts";
import { App } from "./ui/App.tsx";

interface Context {
  model: WidgetModel;
  /** Older hosts have none, and call the returned function instead. */
  signal?: AbortSignal;
}

/** One widget. anywidget calls this once for each model, so the store is shared by the views of this model only. */
export default function widget() {
  let store: Store | undefined;

  function initialize({ model, signal }: Context) {
    const end = new AbortController();
    signal?.addEventListener("abort", () => end.abort());
    store = new Store(model, end.signal);
    return () => end.abort();
  }

  function show({ model, el, signal }: Context & { el: HTMLElement }) {
    const end = store ? undefined : initialize({ model, signal });
    const shown = store as Store;
    // ipywidgets adds this class to a view whose model has no kernel.
    if (el.classList.contains("jupyter-widgets-disconnected")) shown.showSnapshot();
    else shown.open();
    el.classList.add("ke-host");
    render(<App store={shown} view={new ViewState(shown)} />, el);
    return () => {
      end?.();
      render(null, el);
      el.replaceChildren();
      el.classList.remove("ke-host");
    };
  }

  return { initialize, render: show };
}
