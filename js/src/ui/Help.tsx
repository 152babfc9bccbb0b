import { useEffect, useRef } from "preact/hooks";
import { useOwnId } from "./hooks/useOwnId.ts";
import { CONTROL_KEYS, HELP, SHORTCUTS } from "./shortcuts.ts";

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
        {SHORTCUTS.map(({ keys, description }) => (
          <Entry key={description} keys={keys} description={description} />
        ))}
        <Entry keys={[HELP]} description="Show this list" />
        {CONTROL_KEYS.map(([key, description]) => (
          <Entry key={description} keys={[key]} description={description} />
        ))}
      </dl>
    </dialog>
  );
}

function Entry({ keys, description }: { keys: readonly string[]; description: string }) {
  return (
    <div>
      <dt>
        {keys.map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{description}</dd>
    </div>
  );
}
