"""The known causes: what each one means, and what an expert would do.

`docs/troubleshooting.md` is made from them. A rule says which of them a line or an end shows. The
edits that avoid a cause are of parameters by the names that people give them; they change nothing
by themselves, but fill in the page on which a person decides.
"""

from __future__ import annotations

import math
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from trainui.plugin import CauseRule, EditFacts, FoundCause, PreparedEdit, Shown

SLOWER = 10
"""By what the learning rate is divided: NaN mostly shows a rate far too high, not a little."""

PORTS = 100
"""How many ports above the one in use are tried."""


class Known(NamedTuple):
    """A cause, in words."""

    what: str
    fix: str


KNOWN: Mapping[str, Known] = {
    "gpu_oom": Known(
        "The GPU had not enough free memory for an allocation.",
        "Lower the batch size (raise gradient accumulation to keep the effective "
        "batch), shorten the sequence or image, use bf16 or activation checkpointing; "
        "check for another process on the same GPU; "
        "PYTORCH_ALLOC_CONF=expandable_segments:True if much is reserved but "
        "unallocated.",
    ),
    "gpu_kernel_resources": Known(
        "A GPU kernel asked for more shared memory or registers than the card has.",
        "Reduce the kernel's block sizes or num_stages, or use another attention implementation.",
    ),
    "host_oom": Known(
        "The host had not enough memory (RAM): the kernel or the scheduler killed a "
        "process, or an allocation failed.",
        "Smaller batches and prefetch, memory-map or stream the data, load weights with "
        "low_cpu_mem_usage; ask the scheduler for more memory.",
    ),
    "shm_full": Known(
        "/dev/shm is too small for the DataLoader's or NCCL's shared memory.",
        "Start the container with --shm-size=8g or --ipc=host, or num_workers=0, or the"
        " file_system sharing strategy.",
    ),
    "nan_loss": Known(
        "The loss or a gradient became NaN or infinite.",
        "Lower the learning rate, add warm-up and gradient clipping, use bf16 instead "
        "of fp16, check the data for NaN and log(0).",
    ),
    "module_not_found": Known(
        "A Python package or module that the program imports is not installed in this "
        "environment or not on the path.",
        "Install it in the environment that runs the training, or activate the right "
        "one; for an own package `pip install -e .` or PYTHONPATH; check the spelling "
        "of `_target_`.",
    ),
    "cuda_driver_mismatch": Known(
        "The NVIDIA driver is older than the CUDA version that the library was built for.",
        "Update the driver, or install the wheel for an older CUDA (e.g. cu126).",
    ),
    "no_kernel_image": Known(
        "The library's build has no kernels for this GPU's architecture.",
        "Install a build that supports the card (e.g. cu128 or later for sm_120), or "
        "rebuild the extension with TORCH_CUDA_ARCH_LIST.",
    ),
    "label_out_of_range": Known(
        "A class label is outside the range of the model's outputs.",
        "Set the number of classes right, or remap the labels to 0..n-1 (ignore_index "
        "for void labels).",
    ),
    "tokenizer_config_mismatch": Known(
        "The tokenizer and the model do not fit: token ids beyond the embedding, or a "
        "missing special token.",
        "Use the model's own tokenizer, or "
        "model.resize_token_embeddings(len(tokenizer)); set tokenizer.pad_token.",
    ),
    "shape_mismatch": Known(
        "Tensor shapes do not fit together.",
        "Print the shapes at the named line; make the layer's input size equal to the "
        "data's feature size; drop or pad the odd batch.",
    ),
    "state_dict_mismatch": Known(
        "The checkpoint's keys or shapes do not fit the model or optimizer that is built now.",
        "Build the model with the checkpoint's hyperparameters, strip a `module.` "
        "prefix, or start without the checkpoint.",
    ),
    "checkpoint_corrupt": Known(
        "The checkpoint file is truncated, empty, or not a checkpoint at all (e.g. a "
        "Git LFS pointer).",
        "Resume from the checkpoint before; download again (`git lfs pull`); write "
        "checkpoints to a temporary name and rename.",
    ),
    "weights_only_refused": Known(
        "torch.load refuses the pickled objects in the checkpoint (weights_only=True is"
        " the default since 2.6).",
        "If the file is trusted: weights_only=False, or "
        "torch.serialization.add_safe_globals([...]); better, save only tensors and "
        "plain values.",
    ),
    "file_not_found": Known(
        "A file or folder that the program reads does not exist at that path.",
        "Correct the path (relative to the working directory), mount or download the data.",
    ),
    "permission_denied": Known(
        "The user has no right to write or read that path.",
        "Choose another output directory, or have the owner change the rights.",
    ),
    "disk_full": Known(
        "The disk that it writes to is full.",
        "Free space (old checkpoints), keep fewer checkpoints (save_total_limit), or "
        "write to another disk.",
    ),
    "quota_exceeded": Known(
        "The user's disk quota is used up.",
        "Delete or move files of yours, or write to scratch.",
    ),
    "too_many_open_files": Known(
        "The process reached its limit of open files.",
        "Raise `ulimit -n`, use "
        'torch.multiprocessing.set_sharing_strategy("file_system"), close files, fewer '
        "workers.",
    ),
    "port_in_use": Known(
        "The rendezvous port is in use by another process.",
        "Another --master-port (or --standalone / port 0), or end the left-over run that has it.",
    ),
    "nccl_timeout": Known(
        "A collective operation did not finish in time: a rank hung, was slow, or "
        "called other collectives.",
        "Look at the rank that did not take part; check uneven batches and rank-0-only "
        "work; TORCH_NCCL_TRACE_BUFFER_SIZE for the stack; raise "
        "init_process_group(timeout=...) if the work is legitimately long.",
    ),
    "nccl_system_error": Known(
        "NCCL could not use the network or another system resource.",
        "Set NCCL_SOCKET_IFNAME to the right interface, check firewall and routes, "
        "NCCL_DEBUG=INFO.",
    ),
    "peer_died": Known(
        "Another process of the group ended or never came, and this one saw only the "
        "closed connection.",
        "Read the log of the process that ended first; check the number of processes and hosts.",
    ),
    "deadlock": Known(
        "The program hangs: a lock held at fork, or workers that wait for each other.",
        "spawn or forkserver instead of fork, TOKENIZERS_PARALLELISM=false, "
        "num_workers=0 to confirm.",
    ),
    "network_unreachable": Known(
        "A hub or download server could not be reached and the file is not in the cache.",
        "Download beforehand on a machine with access and set HF_HOME; HF_HUB_OFFLINE=1"
        " with a filled cache; use a local path.",
    ),
    "hub_auth": Known(
        "The hub refuses access: not logged in, or the model is gated.",
        "Accept the licence on the model's page and `hf auth login` or HF_TOKEN; or use"
        " an open model.",
    ),
    "ssl_proxy": Known(
        "The TLS certificate could not be verified, or the proxy refused the connection.",
        "Set REQUESTS_CA_BUNDLE / SSL_CERT_FILE to the company's certificate, correct "
        "HTTPS_PROXY or NO_PROXY.",
    ),
    "config_hydra": Known(
        "A Hydra override or config key does not exist, is missing, or cannot be parsed.",
        "Correct the key (+key=value to add one), give the missing value, quote the override.",
    ),
    "config_value": Known(
        "A parameter's value is invalid or does not fit another one.",
        "Correct the value that the message names.",
    ),
    "cli_argument": Known(
        "The command line has an unknown argument or a value of the wrong type.",
        "Correct the argument (see --help).",
    ),
    "yaml_error": Known(
        "The YAML file cannot be parsed.",
        "Correct the named line (spaces, not tabs).",
    ),
    "user_assertion": Known(
        "A check of the user's own code failed.",
        "Read the assertion at the named line; correct the data or the expectation.",
    ),
    "user_code_error": Known(
        "An error in the user's own code (syntax, None, wrong use of an API).",
        "Correct the code at the named line.",
    ),
    "data_key_missing": Known(
        "A key or column that the code expects is not in the data or config.",
        "Correct the name in the code or the data.",
    ),
    "data_corrupt": Known(
        "An item of the data set cannot be decoded.",
        "Remove or repair the named item; skip undecodable items.",
    ),
    "api_change": Known(
        "An API of a library was removed or renamed in the installed version.",
        "Use the new name, or pin the older version.",
    ),
    "interrupted": Known(
        "The user interrupted it (Ctrl-C, SIGINT).",
        "None; resume if wanted.",
    ),
    "preempted": Known(
        "It was asked to end (SIGTERM), e.g. preempted or cancelled.",
        "Requeue and resume from the last checkpoint; save on SIGTERM.",
    ),
    "node_failure": Known(
        "The machine failed under the job.",
        "Requeue, exclude the node.",
    ),
    "time_limit": Known(
        "The time limit of the scheduler or of timeout(1) was reached.",
        "A longer limit, or checkpoint and resume in a following job; fewer epochs.",
    ),
    "segfault": Known(
        "A crash in native code (SIGSEGV).",
        "python -X faulthandler for the place; reinstall the extension that matches the"
        " library's version.",
    ),
    "illegal_instruction": Known(
        "The binary uses CPU instructions that this machine has not (SIGILL).",
        "Install a build for this CPU (no AVX-512), or run on another machine.",
    ),
    "abort": Known(
        "A library aborted (SIGABRT), e.g. heap corruption.",
        "Rebuild or update the extension; MALLOC_CHECK_, valgrind.",
    ),
    "no_output": Known(
        "It ended with 0 but did no work and left no output.",
        "Check the input path or filter.",
    ),
    "wandb_login": Known(
        "Weights & Biases has no API key.",
        "`wandb login`, WANDB_API_KEY, or WANDB_MODE=offline.",
    ),
    "cuda_unavailable": Known(
        "No CUDA: a CPU-only build of the library, or no visible GPU.",
        "Install the CUDA build; ask for a GPU (--gpus, --gres); or device=cpu / map_location.",
    ),
    "cuda_library_missing": Known(
        "A CUDA shared library cannot be found by the loader.",
        "Install the nvidia-* wheels or CUDA toolkit, or LD_LIBRARY_PATH.",
    ),
    "device_ordinal": Known(
        "A process asked for a GPU number that does not exist here.",
        "As many processes as GPUs; check CUDA_VISIBLE_DEVICES.",
    ),
    "gpu_hardware": Known(
        "The GPU reported a hardware fault (ECC, Xid).",
        "Reset or replace the card; run on another node.",
    ),
    "bf16_unsupported": Known(
        "The device does not support bfloat16.",
        "fp16 or fp32.",
    ),
    "compiler_missing": Known(
        "No C++ or CUDA compiler for just-in-time compilation.",
        "Install gcc/g++ or the CUDA toolkit (CUDA_HOME), or compile=False.",
    ),
    "dtype_mismatch": Known(
        "Operands have different or wrong data types.",
        "autocast, or cast inputs to the model's dtype (labels to long).",
    ),
    "device_mismatch": Known(
        "Tensors are on different devices.",
        "Move the inputs (or the optimizer's state) to the model's device; build the "
        "optimizer after model.to(device).",
    ),
    "version_conflict": Known(
        "Compiled packages do not fit each other (numpy 2 ABI, protobuf, torch C++ ABI).",
        "Reinstall the compiled package for the installed version, or pin (numpy<2, "
        "protobuf<=3.20).",
    ),
    "glibc_missing": Known(
        "A binary needs a newer glibc or libstdc++ than the machine has.",
        "Use a wheel built for an older glibc, or a container.",
    ),
    "command_not_found": Known(
        "The command does not exist on the PATH (127).",
        "Install it or activate the environment; correct the spelling.",
    ),
    "not_executable": Known(
        "The file is not executable (126).",
        "chmod +x, or run it with bash or python.",
    ),
    "bad_interpreter": Known(
        "The script has Windows line ends (CRLF), or its interpreter does not exist.",
        'dos2unix / sed -i "s/\\r$//".',
    ),
    "ddp_unused_parameters": Known(
        "Some parameters got no gradient in a DDP step.",
        "find_unused_parameters=True, or take them out of the model.",
    ),
    "unpicklable": Known(
        "An object (lambda, local function) cannot be pickled for worker processes.",
        "Module-level function, or fork, or num_workers=0.",
    ),
    "rendezvous_timeout": Known(
        "The rendezvous (MASTER_ADDR:MASTER_PORT) could not be reached.",
        "Check that rank 0 runs and the address and port are right and open.",
    ),
    "env_variable_missing": Known(
        "An environment variable that the script needs is not set.",
        "Set it, or start with the launcher that sets it (torchrun for RANK, LOCAL_RANK).",
    ),
    "illegal_memory_access": Known(
        "A CUDA kernel accessed memory outside its buffers.",
        "CUDA_LAUNCH_BLOCKING=1 or compute-sanitizer for the place; check custom "
        "kernels and index ranges.",
    ),
}


def rule(cause: str, pattern: str = "", text: str = "", *, fix: str = "", **more: Any) -> CauseRule:
    """Return a rule for a known cause; its text and fix are the cause's unless they are given."""
    known = KNOWN[cause]
    return CauseRule(
        id=cause, pattern=pattern, text=text or known.what, fix=fix or known.fix, **more
    )


def hint(cause: str, pattern: str, explains: str, text: str = "", *, fix: str = "") -> CauseRule:
    """Return a rule for a line above what it explains."""
    return rule(cause, pattern, text, fix=fix, shown=Shown.ABOVE, explains=explains, weight=70)


_BATCH = re.compile(
    r"((per_?(device|gpu)|device|micro|mini|train|training|local)_?)*(batch_?size|bs|"
    r"batch)(_?(per_?(device|gpu|rank)|train))*|mbs|samples_per_gpu|ims_per_batch"
)
_ACCUMULATION = re.compile(
    r"(grad(ient)?_?)?accum(ulat(e|ion))?_?(grad(ient)?s?_?)?(batches|steps?|iters?|every)?|"
    r"update_freq|ga_?steps"
)
_RATE = re.compile(r"(base_?|max_?|peak_?|init(ial)?_?)?(lr|learning_?rate|lr_?max|step_?size)")
_PORT = re.compile(r"(master|main_?process|rdzv|rendezvous|dist)?_?port")
_WORKERS = re.compile(r"((data)?loader_?|dataloader_?)?(num|n)?_?(workers?|num_workers)")


def of_memory(cause: FoundCause, facts: EditFacts) -> PreparedEdit | None:
    """Halve the batch, and double the accumulation where there is such a parameter."""
    if cause.id != "gpu_oom" or (found := _first(facts.params, _BATCH, _halved)) is None:
        return None
    name, less = found
    params, note = {name: less}, f"{name} {facts.params[name]} -> {less}"
    if (more := _first(facts.params, _ACCUMULATION, _doubled)) is not None:
        params[more[0]] = more[1]
        note += f", {more[0]} {facts.params[more[0]]} -> {more[1]}: as many samples a step"
    return PreparedEdit(params, note=note)


def of_nan(cause: FoundCause, facts: EditFacts) -> PreparedEdit | None:
    """Lower the learning rate, and name the newest checkpoint of before the first NaN."""
    if cause.id != "nan_loss" or (found := _first(facts.params, _RATE, _lowered)) is None:
        return None
    name, less = found
    note, checkpoint = f"{name} {facts.params[name]} -> {less}", None
    if facts.last_good:
        checkpoint = facts.last_good[0]
        note += f", from {checkpoint}, which was written before the first NaN"
    elif facts.checkpoints:
        note += "; no checkpoint is from before the first NaN: start from scratch (--fresh)"
    return PreparedEdit({name: less}, checkpoint, note)


def of_port(cause: FoundCause, facts: EditFacts) -> PreparedEdit | None:
    """Take the next port that is free on this machine."""
    if cause.id != "port_in_use" or (found := _first(facts.params, _PORT, _free)) is None:
        return None
    name, other = found
    return PreparedEdit({name: other}, note=f"{name} {facts.params[name]} -> {other}")


def of_host(cause: FoundCause, facts: EditFacts) -> PreparedEdit | None:
    """Halve the number of worker processes, each of which has memory of its own."""
    if cause.id not in ("host_oom", "shm_full"):
        return None
    if (found := _first(facts.params, _WORKERS, _fewer)) is None:
        return None
    name, less = found
    return PreparedEdit({name: less}, note=f"{name} {facts.params[name]} -> {less}")


def _first(
    params: Mapping[str, Any], names: re.Pattern[str], change: Callable[[Any], Any]
) -> tuple[str, Any] | None:
    """Return the first parameter of such a name whose value can be changed, with the new value."""
    for name in _named(params, names):
        if (new := change(params[name])) is not None:
            return name, new
    return None


def _named(params: Mapping[str, Any], names: re.Pattern[str]) -> Iterator[str]:
    for name in params:
        last = re.split(r"[./]", name)[-1].replace("-", "_").lower()
        if names.fullmatch(last):
            yield name


def _whole(value: Any) -> int | None:
    try:
        return None if isinstance(value, bool) else int(str(value))
    except ValueError:
        return None


def _halved(value: Any) -> int | None:
    number = _whole(value)
    return number // 2 if number is not None and number > 1 else None


def _fewer(value: Any) -> int | None:
    number = _whole(value)
    return number // 2 if number is not None and number > 0 else None


def _doubled(value: Any) -> int | None:
    number = _whole(value)
    return number * 2 if number is not None and number > 0 else None


def _lowered(value: Any) -> float | None:
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        return None
    return float(f"{number / SLOWER:.6g}") if math.isfinite(number) and number > 0 else None


def _free(value: Any) -> int | None:
    """Return a port above one in use that nothing listens on."""
    port = _whole(value)
    if port is None or not 0 < port < 65536:
        return None
    for other in range(port + 1, min(port + PORTS, 65536)):
        with socket.socket() as probe:
            try:
                probe.bind(("", other))
            except OSError:
                continue
            return other
    return None
