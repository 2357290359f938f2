"""Values with telling names are never shown."""

from __future__ import annotations

from trainui.pipeline.substitution.masking import MASK, is_secret, mask, mask_text


def test_names_show_the_direction() -> None:
    for name in ("WANDB_API_KEY", "hf_token", "Secret", "PASSWORD", "aws_secret_access_key"):
        assert is_secret(name)
    for name in ("SSH_KEYS", "authTokens", "myTOKENvalue", "KEY2", "apikey", "OPENAI_TOKENS"):
        assert is_secret(name)
    for name in ("PATH", "lr", "PASS", "HOME"):
        assert not is_secret(name)


def test_what_models_count_is_no_secret() -> None:
    for name in ("max_tokens", "maxNewTokens", "train.max-tokens", "tokens_per_step", "tokenizer"):
        assert not is_secret(name)
    for name in ("TOKENIZERS_PARALLELISM", "num_key_value_heads", "pad_token_id", "MAX_TOKENS"):
        assert not is_secret(name)


def test_values_are_masked_at_every_depth() -> None:
    values = {"API_KEY": "abc", "lr": 1, "d": {"token": 5, "x": [{"password": None}, "y"]}}
    assert mask(values) == {
        "API_KEY": MASK,
        "lr": 1,
        "d": {"token": MASK, "x": [{"password": MASK}, "y"]},
    }
    assert values["API_KEY"] == "abc"


def test_secrets_are_masked_in_texts() -> None:
    values = {"token": "hf_abcdef", "key": "hf_abcdef_long", "max_tokens": "128", "lr": "0.123456"}
    text = "train --token hf_abcdef --key=hf_abcdef_long --n 128 --lr 0.123456"
    assert mask_text(text, values) == f"train --token {MASK} --key={MASK} --n 128 --lr 0.123456"
