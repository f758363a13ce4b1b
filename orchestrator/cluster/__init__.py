"""The only home of Ray: serving the API, and analysis as tasks."""
