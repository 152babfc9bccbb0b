import { useEffect, useRef } from "preact/hooks";
import { useOwnId } from "./hooks/useOwnId.ts";
import { HELP, OTHERS, SHORTCUTS } from "./shortcuts.ts";

/** The shortcuts, in a modal dialog. */
export function Help({ onClose }: { onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useOwnId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      class="ke-help"
      aria-labelledby={id}
      data-lm-suppress-shortcuts="true"
      onClose={onClose}
      onKeyDown={(event) => event.stopPropagation()}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <header>
        <h2 id={id}>Keyboard shortcuts</h2>
        <button type="button" class="ke-button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </header>
      <dl>
        {SHORTCUTS.map(({ keys, says }) => (
          <Entry key={says} keys={keys} says={says} />
        ))}
        <Entry keys={[HELP]} says="This list" />
        {OTHERS.map(([key, says]) => (
          <Entry key={says} keys={[key]} says={says} />
        ))}
      </dl>
    </dialog>
  );
}

function Entry({ keys, says }: { keys: readonly string[]; says: string }) {
  return (
    <div>
      <dt>
        {keys.map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{says}</dd>
    </div>
  );
}
