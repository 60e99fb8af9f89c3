"""Scorecards -> verdict: what a candidate must show before it may answer readers. Pure."""

from backend.promotion.certificates import Verification, certificate, from_text, verify
from backend.promotion.deciding import (
    Continue,
    Decision,
    Policy,
    Verdict,
    after_look,
    conclude,
    decide,
    policy_for,
)
from backend.promotion.intervals import pocock_bound
from backend.promotion.scorecards import Arm, Asked, Card, Scorecards

__all__ = [
    "Arm",
    "Asked",
    "Card",
    "Continue",
    "Decision",
    "Policy",
    "Scorecards",
    "Verdict",
    "Verification",
    "after_look",
    "certificate",
    "conclude",
    "decide",
    "from_text",
    "pocock_bound",
    "policy_for",
    "verify",
]
