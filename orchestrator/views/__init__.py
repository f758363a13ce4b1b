"""What the orchestrator shows people: the messages between the API and the typed client, in the agent's codec."""

from orchestrator.views.curves import CurveList, CurveSummary, CurveTaken, CurveView, PassView, ReadingsView
from orchestrator.views.fleet import (
    DeviceList,
    DeviceState,
    DeviceView,
    JoinCode,
    JoinCodeState,
    JoinCodeView,
    is_loopback,
)
from orchestrator.views.labels import MOST_LABELS, Label, LabelChange, LabelName
from orchestrator.views.sweeps import JobView, Progress, SweepList, SweepRequest, SweepView

__all__ = [
    "MOST_LABELS",
    "CurveList",
    "CurveSummary",
    "CurveTaken",
    "CurveView",
    "DeviceList",
    "DeviceState",
    "DeviceView",
    "JobView",
    "JoinCode",
    "JoinCodeState",
    "JoinCodeView",
    "Label",
    "LabelChange",
    "LabelName",
    "PassView",
    "Progress",
    "ReadingsView",
    "SweepList",
    "SweepRequest",
    "SweepView",
    "is_loopback",
]
