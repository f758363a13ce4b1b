"""The command that runs the dashboard. All options stand in it: no configuration file has to be found."""

from __future__ import annotations

import sys
from pathlib import Path

APP = Path(__file__).with_name("app.py")

OPTIONS = {
    "server.address": "127.0.0.1",
    "server.headless": "true",
    # The package does not change while it runs.
    "server.fileWatcherType": "none",
    "browser.serverAddress": "127.0.0.1",
    "browser.gatherUsageStats": "false",
    # An error that nobody foresaw goes to the log, not to the page.
    "client.showErrorDetails": "none",
    "client.toolbarMode": "viewer",
    "theme.paddingTop": "2.5rem",
    "theme.baseRadius": "0.5rem",
    "theme.light.primaryColor": "#0b6bcb",
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#f3f6fa",
    "theme.light.textColor": "#1a2433",
    "theme.light.borderColor": "#d9e0e9",
    "theme.dark.primaryColor": "#4c9be8",
    "theme.dark.backgroundColor": "#0f1620",
    "theme.dark.secondaryBackgroundColor": "#182230",
    "theme.dark.textColor": "#e4eaf2",
    "theme.dark.borderColor": "#2b3848",
}


def command(port: int) -> list[str]:
    """The arguments that run the dashboard on ``port`` of this machine's loopback address."""
    options = {**OPTIONS, "server.port": str(port)}
    return [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(APP),
        *(f"--{name}={value}" for name, value in options.items()),
    ]
