"""What a person sees: the Streamlit dashboard, a client of the orchestrator like any other."""
