import { useComputed } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { keepFromHost } from "../keys.ts";
import type { Store, ViewState } from "../store.ts";
import { watchTheme } from "../theme.ts";
import { ClassList } from "./ClassList.tsx";
import { ImageStrip } from "./ImageStrip.tsx";
import { LayerTree } from "./LayerTree.tsx";
import { Notice, Trouble } from "./Messages.tsx";
import { Stage } from "./Stage.tsx";
import { StatusBar } from "./StatusBar.tsx";
import { Toolbar } from "./Toolbar.tsx";

export function App({ store, view }: { store: Store; view: ViewState }) {
  const root = useRef<HTMLElement>(null);
  const { setup, choice, picture } = store;
  const enabled = useComputed(() => !store.disconnected.value);
  useEffect(() => {
    const element = root.current;
    if (!element) return;
    return watchTheme(element, (dark) => {
      element.dataset.theme = dark ? "dark" : "light";
    });
  }, []);
  return (
    <section
      ref={root}
      class="ke"
      // biome-ignore lint/a11y/noRedundantRoles: said aloud, tests and readers find it whatever the tag
      role="region"
      aria-label="Explainer"
      aria-busy={store.busy.value}
      data-lm-suppress-shortcuts="true"
      onKeyDown={keepFromHost}
    >
      <Toolbar store={store} />
      {store.notices.value.map((text) => (
        <Notice key={text} text={text} onDismiss={() => store.dismissNotice(text)} />
      ))}
      {store.trouble.value && <Trouble problem={store.trouble.value} onDismiss={() => store.dismissTrouble()} />}
      <div class="ke-body">
        <LayerTree
          nodes={store.layers}
          edgesKnown={setup.edges_known}
          chosen={useComputed(() => choice.value.layer)}
          enabled={enabled}
          unused={useComputed(() => store.method.value?.layer === false)}
          view={view}
          onPick={(layer) => store.pick({ layer })}
        />
        <Stage store={store} />
        <ClassList
          labels={setup.labels}
          ranking={store.ranking}
          result={useComputed(() => picture.value?.result ?? null)}
          chosen={useComputed(() => choice.value.class_index)}
          enabled={enabled}
          query={view.classQuery}
          onPick={(class_index) => store.pick({ class_index })}
        />
      </div>
      <ImageStrip
        count={setup.images}
        labels={setup.image_labels ?? null}
        chosen={useComputed(() => choice.value.image_index)}
        enabled={enabled}
        gallery={store.gallery}
        onPick={(image_index) => store.pick({ image_index })}
      />
      <StatusBar
        picture={picture}
        awaited={store.awaited}
        progress={store.progressing}
        labels={setup.labels}
        methodOf={(shown) => store.methodOf(shown)}
        onCancel={() => store.cancel()}
      />
    </section>
  );
}
