"""The simulated providers, one module a family; this one only lists them and says who answers to which host."""

from __future__ import annotations

from fairlead.simulator.providers.anthropic import ANTHROPIC
from fairlead.simulator.providers.bedrock import AWS, BEDROCK, BEDROCK_JOBS
from fairlead.simulator.providers.cohere import COHERE
from fairlead.simulator.providers.echo import ECHO
from fairlead.simulator.providers.google import GEMINI, VERTEX
from fairlead.simulator.providers.ollama import OLLAMA
from fairlead.simulator.providers.openai import AZURE, OPENAI
from fairlead.simulator.providers.plain import PLAIN
from fairlead.simulator.providers.sagemaker import SAGEMAKER, SAGEMAKER_API
from fairlead.simulator.routes import Router

PROVIDERS = (
    OPENAI,
    AZURE,
    COHERE,
    SAGEMAKER,
    SAGEMAKER_API,
    BEDROCK,
    BEDROCK_JOBS,
    AWS,
    ANTHROPIC,
    GEMINI,
    VERTEX,
    OLLAMA,
)
"""In the order in which their hosts are tried."""


def router() -> Router:
    return Router(PLAIN, PROVIDERS, ECHO)
