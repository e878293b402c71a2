"""Every mutation that the node answers: importing the modules registers them."""

from loadtest.node import (
    breakout_mutations,
    chat_mutations,
    presenter_mutations,
    user_mutations,
)
from loadtest.node.mutations import Caller, RefusedMutation, call

__all__ = ["REGISTERED", "Caller", "RefusedMutation", "call"]

REGISTERED = (breakout_mutations, chat_mutations, presenter_mutations, user_mutations)
