"""The widget: a session that computes, a worker that runs it, messages, and the view that wires them."""
