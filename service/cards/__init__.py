"""How a decision is said: at most one treatment card and one work-up card, each read in ten seconds."""

from service.cards.compose import Address, cards_of

__all__ = ["Address", "cards_of"]
