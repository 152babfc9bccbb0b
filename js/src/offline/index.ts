/** One file for a page without a kernel: the widget, and what answers it from the data beside it. */
import widget from "../index.tsx";
import { Archive } from "./archive.ts";

const part = (id: string) => document.getElementById(id) as HTMLElement;
const read = (id: string) => JSON.parse(part(id).textContent ?? "");
const { render } = widget();
render({ model: new Archive({ ...read("contents"), maps: read("maps") }), el: part("view") });
