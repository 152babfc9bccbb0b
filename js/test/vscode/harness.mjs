// What VS Code's Jupyter extension does in the web view of a notebook, with the very widget manager that it brings
// (@vscode/jupyter-ipywidgets8), a real kernel, and messages of widgets on the main shell. tests/browser/hosts serves it.
import { KernelManager, ServerConnection } from "@jupyterlab/services";

const VIEW = "application/vnd.jupyter.widget-view+json";

async function open(serverUrl) {
  const serverSettings = ServerConnection.makeSettings({ baseUrl: serverUrl, wsUrl: serverUrl.replace("http", "ws") });
  const kernels = new KernelManager({ serverSettings });
  const kernel = await kernels.startNew({ name: "python3" });
  kernel.commsOverSubshells = "disabled";
  await kernel.info;
  const { WidgetManager } = window.vscIPyWidgets;
  const place = document.getElementById("output");
  const manager = new WidgetManager(kernel, place, scriptLoader, () => {});
  return { id: kernel.id, run: (code) => run(kernel, manager, place, code) };
}

// VS Code copies the nbextensions of the kernel's environment and tells requirejs where they are.
const scriptLoader = {
  widgetsRegisteredInRequireJs: new Set(),
  errorHandler: (name, module, version, error) => console.error(`${name} of ${module} ${version}: ${error}`),
  successHandler: () => {},
  async loadWidgetScript(module) {
    window.requirejs.config({ paths: { [module]: `/nbextensions/${module}/index` } });
  },
};

// Run a cell: its widgets are shown, its error is thrown.
async function run(kernel, manager, place, code) {
  const views = [];
  let problem;
  const future = kernel.requestExecute({ code });
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === "error") problem = content.traceback.join("\n");
    else if (content.data?.[VIEW]) views.push(content.data[VIEW]);
  };
  await future.done;
  if (problem) throw new Error(problem);
  for (const data of views) {
    const model = await manager.get_model(data.model_id);
    await manager.display_view(data, await manager.create_view(model, { el: place }), { node: place });
  }
}

// It defines its modules with requirejs, which must be there before.
const { activate } = await import(new URL("ipywidgets.js", document.baseURI));
activate();
window.vscIPyWidgets8.load();
window.harness = { open };
