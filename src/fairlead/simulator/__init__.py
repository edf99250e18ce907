"""Scripted model providers that check what they receive, signatures included. It imitates shapes and faults, not models."""

from fairlead.simulator.desk import SimulatorSettings
from fairlead.simulator.server import Address, Simulator

__all__ = ["Address", "Simulator", "SimulatorSettings"]
