"""Files that a widget writes: pages, figures, snapshots."""
