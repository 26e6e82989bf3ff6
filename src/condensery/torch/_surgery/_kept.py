"""Why units stay as they are: a code to decide by, and a sentence for the receipt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

ATTENTION_LEFT = "attention heads are left as they are"


class Cause(Enum):
    """Kinds of reasons for which units are kept."""

    NO_LAYER = auto()
    """No layer of the model makes them."""
    RETURNED = auto()
    """The model returns them."""
    INPUT = auto()
    """They come from, or are mixed with, the model's own input."""
    TIED = auto()
    """One weight both makes and reads them."""
    COMPUTED = auto()
    """A weight that they meet is computed by the model."""
    AXIS = auto()
    """An operation works along another axis than theirs, or over it."""
    MIXED = auto()
    """An operation depends on all of them, or on which one stands where."""
    UNKNOWN = auto()
    """An operation is not on the allow-list."""


@dataclass(frozen=True)
class Kept:
    """Why units are kept.

    Attributes:
        cause: What to decide by.
        text: What to say; it may hold names of the user's files.
        attention: Whether they are queries, keys or values.
    """

    cause: Cause
    text: str
    attention: bool = False

    @property
    def silent(self) -> bool:
        """Whether no receipt speaks of them: nobody would look for them there."""
        return self.cause in {Cause.NO_LAYER, Cause.RETURNED}

    def __str__(self) -> str:
        return f"{ATTENTION_LEFT}: {self.text}" if self.attention else self.text
