"""Names that litellm takes for its own options, and so never sends to a provider."""

import re

_FAMILIES = re.compile(
    r"_.*|.*cost_per_.*|.*_cost|.*_token_cost.*|.*_router_.*|.*uplift_multiplier.*|.*timeout.*|"
    r"(aiohttp|anthropic|arize|aws|azure|bedrock|dd|default|gcs|humanloop|langfuse|langsmith|litellm|"
    r"mock|newrelic|openai_(identity|service)|posthog|"
    r"s3|signoz|ssl|stream|use|vertex|wandb|watsonx|weave)_.*|prompt_(environment|id|label|variables|version)"
)
_NAMES = """
    acompletion additional_drop_params aembedding aimg_generation allm_passthrough_route
    allow_client_keepalive_override allowed_model_region allowed_openai_params api_base api_key
    api_type api_version assistant_continue_message async_call atext_completion attempted_targets azure
    base_model base_url bos_token budget_duration cache cache_key caching caching_groups client
    client_id client_secret complete_response completion_call_id configurable_clientside_auth_params
    context_window_fallback_dict cooldown_time custom_llm_provider custom_prompt_dict data_residency
    deployment_id disable_add_transform_inline_image_block drop_params enable_json_schema_validation
    enable_prompt_caching enable_tag_filtering ensure_alternating_roles eos_token extra_body
    extra_headers extra_query fallback_depth fallbacks fastest_response final_prompt_value
    fireworks_forward_user_id guardrails headers hf_model_name id initial_prompt_value
    input_cost_per_token itpm keepalive_seconds log_client_error_tracebacks logger_fn
    max_agentic_loops max_budget max_fallbacks max_file_size_mb max_parallel_requests max_retries
    merge_reasoning_content_in_choices metadata model_alias_map model_config model_file_id_mapping
    model_info model_list no-log num_retries order organization otpm output_vector_size
    preset_cache_key project provider_affinity_header provider_specific_header proxy_server_request
    region_name retry_policy retry_strategy roles routing_strategy rpm rust search_tool_name
    secret_fields self shared_session silent_model supports_system_message tag_regex tags tenant_id
    text_completion tiered_pricing tpm ttl turn_off_message_logging user_continue_message verbose
    weight
"""
_OPTIONS = frozenset(_NAMES.split())


def is_litellm_option(name: str) -> bool:
    """Whether litellm keeps a field of this name for itself: it would change how, whom or whether it asks."""
    return name in _OPTIONS or _FAMILIES.fullmatch(name) is not None
