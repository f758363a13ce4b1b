"""What the orchestrator shows people: the messages between the API and the typed client, in the agent's codec."""

from orchestrator.views.accuracy import AccuracyList, AccuracyRequest, AccuracyView, ScheduleAccuracy
from orchestrator.views.analyses import ReanalysisFailure, ReanalysisRequest, ReanalysisView
from orchestrator.views.curves import CurveList, CurveSummary, CurveTaken, CurveView, PassView, ReadingsView
from orchestrator.views.fleet import (
    DeviceList,
    DeviceState,
    DeviceView,
    JoinCode,
    JoinCodeRequest,
    JoinCodeState,
    JoinCodeView,
    is_loopback,
)
from orchestrator.views.keys import KeyList, KeyRequest, KeyState, KeyView, NewKey
from orchestrator.views.labels import MOST_LABELS, Label, LabelChange, LabelName
from orchestrator.views.sweeps import LONGEST_LEFT_S, JobView, Progress, SweepList, SweepRequest, SweepView
from orchestrator.views.verifications import (
    MOST_VERIFIED,
    VerificationList,
    VerificationRequest,
    VerificationView,
    VerifiedView,
)

__all__ = [
    "LONGEST_LEFT_S",
    "MOST_LABELS",
    "MOST_VERIFIED",
    "AccuracyList",
    "AccuracyRequest",
    "AccuracyView",
    "CurveList",
    "CurveSummary",
    "CurveTaken",
    "CurveView",
    "DeviceList",
    "DeviceState",
    "DeviceView",
    "JobView",
    "JoinCode",
    "JoinCodeRequest",
    "JoinCodeState",
    "JoinCodeView",
    "KeyList",
    "KeyRequest",
    "KeyState",
    "KeyView",
    "Label",
    "LabelChange",
    "LabelName",
    "NewKey",
    "PassView",
    "Progress",
    "ReadingsView",
    "ReanalysisFailure",
    "ReanalysisRequest",
    "ReanalysisView",
    "ScheduleAccuracy",
    "SweepList",
    "SweepRequest",
    "SweepView",
    "VerificationList",
    "VerificationRequest",
    "VerificationView",
    "VerifiedView",
    "is_loopback",
]
