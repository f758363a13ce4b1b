"""The contract between agent and orchestrator: frozen dataclasses, one strict codec, one protocol version."""
