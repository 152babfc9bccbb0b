/** The page half of each panel, by its name in `ke_widgets/widget/features`; the kernel says in which order. */
export { curves } from "./curves/index.tsx";
export { path } from "./path/index.tsx";
