"""The files that a widget writes: HTML pages, figures, snapshots."""
