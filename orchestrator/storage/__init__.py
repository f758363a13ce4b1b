"""SQL, the only truth: tables, sessions and stores."""
