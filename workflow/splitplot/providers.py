"""Providers known without configuration: where they answer, and which variable holds their key."""

OPENAI_URL = "https://api.openai.com/v1"

OPENAI_COMPATIBLE: dict[str, tuple[str, str]] = {
    "openai": (OPENAI_URL, "OPENAI_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "deepseek": ("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "together": ("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "fireworks": ("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "deepinfra": ("https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    "cerebras": ("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "perplexity": ("https://api.perplexity.ai", "PERPLEXITY_API_KEY"),
}
"""Provider → (base URL, variable of the key): served by our own client (route realtime)."""

LITELLM_NAMES = {"together": "together_ai", "fireworks": "fireworks_ai"}
"""Providers that litellm calls otherwise."""

LITELLM_KEYS: dict[str, str | None] = {
    "ai21": "AI21_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "azure": "AZURE_API_KEY",
    "azure_ai": "AZURE_AI_API_KEY",
    "cohere": "COHERE_API_KEY",
    "cohere_chat": "COHERE_API_KEY",
    "databricks": "DATABRICKS_API_KEY",
    "fireworks_ai": "FIREWORKS_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "huggingface": "HF_TOKEN",
    "moonshot": "MOONSHOT_API_KEY",
    "nvidia_nim": "NVIDIA_NIM_API_KEY",
    "replicate": "REPLICATE_API_KEY",
    "sambanova": "SAMBANOVA_API_KEY",
    "together_ai": "TOGETHERAI_API_KEY",
    "xai": "XAI_API_KEY",
}
"""Provider → variable of the key, for what litellm serves. Others (bedrock, vertex_ai, ollama, …) find
their credentials in their own way."""

BATCH_URLS: dict[str, tuple[str | None, str]] = {
    "openai": (OPENAI_URL, "OPENAI_API_KEY"),
    "azure": (None, "AZURE_API_KEY"),
    "anthropic": ("https://api.anthropic.com", "ANTHROPIC_API_KEY"),
    "gemini": ("https://generativelanguage.googleapis.com", "GEMINI_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "together": ("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "fireworks": ("https://api.fireworks.ai", "FIREWORKS_API_KEY"),
}
"""Batch protocol → (base URL, variable of the key); Azure's address is that of one's own resource."""
