"""Seats for agents that are not part of Athanor: their rights, a beginning of their code, a check of their conduct."""
