import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { used } from "../../host/keys.ts";
import { search } from "../../state/classOrder.ts";
import { formatCount } from "../../text/format.ts";
import { SearchBox } from "../controls/SearchBox.tsx";
import { ClassOptions } from "./ClassOptions.tsx";
import { type ClassProps, choose } from "./classProps.ts";

export function ClassList(props: ClassProps) {
  const { labels, ranking, query, result, onContrast } = props;
  const box = useRef<HTMLDivElement>(null);
  const found = useComputed(() => search(ranking.value, labels, query.value));
  const fitting = useComputed(() => found.value.length).value;
  const count = useComputed(() => ranking.value.length).value;
  const shares = useComputed(() => result.value?.scores_kind === "share").value;

  function onSearchKey(event: KeyboardEvent) {
    const [best] = found.peek();
    if (event.key === "Enter" && best !== undefined) choose(best, event, props);
    else if (event.key === "ArrowDown") box.current?.focus();
    else return;
    used(event);
  }

  return (
    <section class="ke-sidebar ke-classes">
      <SearchBox
        name="Find class"
        query={query}
        count={`${fitting < count ? `${formatCount(fitting)} of ` : ""}${formatCount(count)}`}
        onKey={onSearchKey}
      />
      <ClassOptions {...props} box={box} found={found} />
      {count > 1 && (
        <p class="ke-footer">
          {shares && "%: share of the pixels. "}
          {onContrast && "Shift-click: contrast. "}Ctrl-click: compare.
        </p>
      )}
    </section>
  );
}
