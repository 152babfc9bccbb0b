"""Messages between page and kernel, and the threads that answer them."""
