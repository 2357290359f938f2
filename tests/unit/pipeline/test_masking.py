"""Values with telling names are never shown."""

from __future__ import annotations

import base64
import html
import json
import shlex
import subprocess
from urllib.parse import quote, quote_plus

import pytest
import yaml

from trainui.pipeline.masking import (
    MASK,
    Masker,
    assigned,
    is_secret,
    mask,
    mask_text,
    secrets_of,
)


def test_names_show_the_direction() -> None:
    for name in ("WANDB_API_KEY", "hf_token", "Secret", "PASSWORD", "aws_secret_access_key"):
        assert is_secret(name)
    for name in ("SSH_KEYS", "authTokens", "myTOKENvalue", "KEY2", "apikey", "OPENAI_TOKENS"):
        assert is_secret(name)
    for name in ("PATH", "lr", "PASS", "HOME"):
        assert not is_secret(name)


def test_counts_of_models_are_no_secrets() -> None:
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


AWKWARD = "s3cr3t & 'it' \"is\" /ü"


@pytest.mark.parametrize(
    "written",
    [
        AWKWARD,
        shlex.quote(AWKWARD),
        AWKWARD.replace("'", "'\\''"),
        repr(AWKWARD),
        repr(AWKWARD.encode()),
        json.dumps(AWKWARD),
        json.dumps(AWKWARD, ensure_ascii=False),
        json.dumps(shlex.quote(AWKWARD)),
        yaml.safe_dump({"a": AWKWARD + " "}, allow_unicode=True, width=1000),
        quote(AWKWARD),
        quote(AWKWARD, safe="").lower(),
        quote_plus(AWKWARD),
        html.escape(AWKWARD),
        base64.b64encode(AWKWARD.encode()).decode(),
        base64.b64encode(b"user:" + AWKWARD.encode()).decode(),
        base64.urlsafe_b64encode(b"me:" + AWKWARD.encode() + b"?x").decode(),
        subprocess.run(
            ["bash", "-c", 'printf %q "$1"', "-", AWKWARD], capture_output=True, text=True
        ).stdout,
    ],
)
def test_a_secret_is_masked_in_every_notation(written: str) -> None:
    """Of base64, a few characters of the neighbours may be left."""
    masker = Masker([AWKWARD])
    shown = masker.text(f"before {written} after")
    assert "s3cr3t" not in shown
    assert MASK in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert len(shown) < 32
    assert masker.text(shown) == shown


@pytest.mark.parametrize("between", ["\n", "\r\n    ", "\x1b[0m\x1b[31m", " │\n│ ", " \\\n  "])
def test_a_secret_broken_into_lines_is_masked(between: str) -> None:
    secret = "hf_abcdefghijkl'mnopq"
    text = f"a │ {between.join(['hf_abcde', 'fghijkl', chr(39) + 'mnopq'])} b\nthe rest"
    assert Masker([secret]).text(text) == "a │ *** b\nthe rest"


def test_each_line_of_a_long_secret_is_masked_alone() -> None:
    key = "-----BEGIN-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END-----\n"
    assert Masker([key]).text(" MIIEvQIBADANBgkq\nend") == " ***\nend"
    assert Masker([key]).text(f"key:\n{key}end") == "key:\n***end"


def test_values_that_overlap_become_one_mask() -> None:
    masker = Masker(["abcdefgh", "defghijk", "abcdef"])
    assert masker.text("x abcdefghijk abcdefgh abcdef y") == "x *** *** *** y"


def test_numbers_are_masked_and_short_values_left() -> None:
    values = {"password": 12345678, "pin_key": 1234, "secret": True, "a": [{"token": "abc"}]}
    assert Masker.of(values).text("12345678 1234 True abc 1.5") == "*** 1234 True abc 1.5"


@pytest.mark.parametrize(
    ("command", "secret"),
    [
        ("python t.py --api-key sk-1234567 --lr 0.1", "sk-1234567"),
        ("python t.py --api_key='sk-12 34' --lr 0.1", "sk-12 34"),
        ("python t.py \\\n  --hf-token \\\n  hf_abcdef", "hf_abcdef"),
        ("python t.py wandb.api_key=abcdef12", "abcdef12"),
        (["python", "t.py", "--password", "a b c d"], "a b c d"),
        (["python", "t.py", "--openai-key=sk-xyzxyz"], "sk-xyzxyz"),
        (["bash", "-c", "exec t.py --secret abcdef"], "abcdef"),
        ("git clone https://me:abcdef12@host/x", "abcdef12"),
        ("curl -H 'Authorization: Bearer abcdef12' host", "abcdef12"),
        ("API_KEY=abcdef12 t.py", "abcdef12"),
    ],
)
def test_secrets_in_a_command_are_known(command: str | list[str], secret: str) -> None:
    assert [*secrets_of(assigned(command))] == [secret]


@pytest.mark.parametrize(
    "command",
    [
        "t.py --image-key picture --key-column caption --sort-key val_loss --tokenizer bert-base",
        "t.py --token-dim 768000 --max-new-tokens 2000000 --num-image-token 256000",
        "t.py --stop-token </s> --pad_token '<pad>' --sos-token begin_of_text",
        'echo "$HF_TOKEN" --token $HF_TOKEN --api-key "$(cat key)" --secret ${env.SECRET}',
        "t.py --api-key --lr 0.1; echo the token secret words",
        ["t.py", "--token", "--lr", "0.1", "--token"],
    ],
)
def test_what_a_command_says_openly_is_no_secret(command: str | list[str]) -> None:
    assert [*secrets_of(assigned(command))] == []
