"""Processor chains (spec/03 section 7.3): small steps over a payload or a reply, configured as JSON, compiled once."""

from fairlead.engine.processors.chain import PROCESSORS, Chain, ProcessorType, compile_chain

__all__ = ["PROCESSORS", "Chain", "ProcessorType", "compile_chain"]
