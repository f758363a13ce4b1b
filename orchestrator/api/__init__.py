"""The HTTP API: routes, who may use them, and the one table of errors."""
