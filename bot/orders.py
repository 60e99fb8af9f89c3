"""What somebody typed or chose goes in; the command it gives, and whether they may, come out. Pure.

It alone knows which commands there are, and for whom.
"""

import re
from dataclasses import dataclass

ADMIN = ("admin",)
REVIEWER = ("admin", "reviewer")


@dataclass(frozen=True, slots=True)
class Command:
    """Something that can be ordered in the chat: by its name after a slash, or from the menu."""

    name: str
    does: str
    icon: str
    """A lucide icon's name."""
    roles: tuple[str, ...] = ADMIN


COMMANDS = {
    one.name: one
    for one in (
        Command("status", "How things stand: model, verdict, examples, exam, spend", "activity"),
        Command("retrain", "Make a candidate from the log, examine it, swap if better", "repeat"),
        Command("pause", "Let the running cycle wait, and its training: /pause reason", "pause"),
        Command("resume", "Let the paused cycle go on", "play"),
        Command("cancel", "End the running cycle", "circle-x"),
        Command("models", "The models that could answer, and the one that does", "list"),
        Command("promote", "Let a model answer: /promote MODEL reason", "arrow-up"),
        Command("rollback", "Let the model before answer again: /rollback reason", "undo"),
        Command("examples", "Review training examples: keep, drop, correct", "check", REVIEWER),
    )
}


@dataclass(frozen=True, slots=True)
class Order:
    """A command as it was given; `rest` is what stood after its name."""

    name: str
    rest: str = ""


_TYPED = re.compile(r"/+\s*([A-Za-z]*)(?:\s+(.*))?", re.S)


def order_of(chosen: object, text: str) -> Order | None:
    """The order in a message: chosen from the menu, or typed; None where it is a question."""
    text = text.strip()
    typed = _TYPED.fullmatch(text)
    if isinstance(chosen, str) and chosen:
        name = chosen.lower().removeprefix("/")
        repeated = typed is not None and typed[1].lower() == name
        return Order(name, (typed[2] or "").strip() if typed and repeated else text)
    if typed is None:
        return None
    return Order(typed[1].lower(), (typed[2] or "").strip())


def allowed(role: str | None) -> list[Command]:
    """What somebody in this role may order; nobody may order anything."""
    return [one for one in COMMANDS.values() if role in one.roles]


def refusal(role: str | None, name: str) -> str | None:
    """Why an order is not carried out, in a sentence; None where it is."""
    offered = allowed(role)
    if name in [one.name for one in offered]:
        return None
    if name in COMMANDS:
        who = " and ".join(f"{one}s" for one in reversed(COMMANDS[name].roles))
        return (
            f"`/{name}` is for {who}, so nothing was done. Ask one of them, or ask about a filing."
        )
    if not offered:
        return "A message that begins with a slash is no question. Ask about a filing in words."
    names = ", ".join(f"`/{one.name}`" for one in offered)
    return f"There is no `/{name[:40]}`. There are: {names}."
