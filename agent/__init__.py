"""What one device can do alone: describe itself, time a model, keep its readings and report them.

The agent also owns the wire contract (``agent.wire``), because the lightest side owns what both sides speak.
"""
