"""An exam's terms into a cycle's row and back: fixed before the first question. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

from backend import exam, promotion
from backend.records import Role


@dataclass(frozen=True)
class Fixed:
    """What is written down before the first question, and holds until the verdict.

    A swap, a question put aside by hand, another judge or another level of confidence in
    mid-exam would each let somebody choose the verdict after having seen scores.
    """

    seed: int
    order: tuple[int, ...]
    arms: tuple[exam.Arm, ...]
    judge: str
    embed: str
    repeats: int
    policy: promotion.Policy
    gone: tuple[str, ...] = ()
    """Models that were gone in mid-exam, so that it was begun anew with others in their places."""

    def told(self) -> dict[str, Any]:
        """As the cycle's row keeps it."""
        arms = [[arm.name, arm.role.value, arm.model] for arm in self.arms]
        policy = asdict(self.policy) | {"metrics": list(self.policy.metrics)}
        return {
            "seed": self.seed,
            "order": list(self.order),
            "arms": arms,
            "judge": self.judge,
            "embed": self.embed,
            "repeats": self.repeats,
            "policy": policy,
            "gone": list(self.gone),
        }

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Fixed":
        """The way back."""
        policy = told["policy"] | {"metrics": tuple(told["policy"]["metrics"])}
        return cls(
            told["seed"],
            tuple(told["order"]),
            tuple(exam.Arm(name, Role(role), model) for name, role, model in told["arms"]),
            told["judge"],
            told["embed"],
            told["repeats"],
            promotion.Policy(**policy),
            tuple(told.get("gone", ())),
        )
