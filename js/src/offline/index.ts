/** The page of an exported file: the widget, and the data that stands in for its kernel. */
import "./page.css";
import widget from "../index.tsx";
import { Archive } from "./archive.ts";

const part = (id: string) => document.getElementById(id) as HTMLElement;
const read = (id: string) => JSON.parse(part(id).textContent ?? "");
const { render } = widget();
render({ model: new Archive({ ...read("contents"), maps: read("maps") }), el: part("view") });
