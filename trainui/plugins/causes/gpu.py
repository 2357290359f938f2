"""GPUs and distributed jobs: memory, labels in kernels, drivers, builds, hardware, NCCL, ports.

The wordings are those of PyTorch 1.x and 2.x, JAX, TensorFlow, Triton, bitsandbytes and vLLM.
"""

from __future__ import annotations

from trainui.plugin import CauseRule, Shown
from trainui.plugins.causes.catalogue import hint, rule

_ASSERTED = (
    r"device-side assert|CUDA error|cudaErrorAssert|CUBLAS_STATUS|CUDNN_STATUS|HIP error|"
    r"CUDA_ERROR_ASSERT"
)
_NO_GPU = (
    r"No CUDA GPUs are available|Torch not compiled with CUDA|Found no NVIDIA driver|"
    r"torch\.cuda\.is_available\(\) is False|cuda_unavailable|No supported gpu backend|"
    r"CUDA (is )?(not |un)available|cuda unavailable|no CUDA-capable device|CUDA initialization"
)

_MEMORY = (
    rule(
        "gpu_oom",
        r"(CUDA|HIP|XPU|MPS(?: backend)?) out of memory\. Tried to allocate (?P<size>[\d.]+ ?\w+)",
        "The GPU had not enough free memory: {size} could not be allocated.",
        weight=65,
    ),
    rule(
        "gpu_oom",
        r"(?i)(CUDA|HIP|XPU|MPS(?: backend)?|GPU):? out of memory|CUDA error: out of memory|"
        r"\bCUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|CUBLAS_STATUS_ALLOC_FAILED|"
        r"CUDNN_STATUS_ALLOC_FAILED|ncclUnhandledCudaError: .*out of memory|"
        r"torch\.(cuda\.)?OutOfMemoryError|Out of memory error on GPU|Out of memory on device\.|"
        r"cudaMalloc failed: out of memory|Device\(id:\d+\) memory isn't enough|"
        r"No executable batch size found",
        weight=60,
    ),
    rule(
        "gpu_oom",
        r"RESOURCE_?EXHAUSTED.*([Mm]emory|OOM|alloc)|ResourceExhaustedError.*OOM|"
        r"OOM when allocating tensor with shape|Resource exhausted: .*(OOM|[Mm]emory)|"
        r"Allocator \(GPU_\d+_bfc\) ran out of memory|cupy\S*OutOfMemoryError",
        weight=60,
    ),
    rule(
        "gpu_oom",
        r"No available memory for the cache blocks|Free memory on device .* is less than desired "
        r"GPU memory utilization|larger than the maximum number of tokens that can be stored in "
        r"KV cache|larger than the available KV cache memory|insufficient GPU memory",
        "The GPU has not enough free memory for the cache of keys and values.",
        fix="Raise gpu_memory_utilization or lower max_model_len; end other processes on the GPU.",
        weight=60,
    ),
    rule(
        "gpu_kernel_resources",
        r"OutOfResources: out of resource: (shared memory|registers|threads)|"
        r"out of resource: shared memory, Required|too many resources requested for launch|"
        r"uses too much shared (data|memory)|"
        r"CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES|ptxas .*exceeds? .*(shared|registers)|"
        r"exceeds (the )?(max(imum)?|available|hardware) (limit of )?shared memory",
        weight=62,
    ),
)

_KERNELS = (
    hint("gpu_oom", r"Out of memory error on GPU \d", r"^MemoryError:?\s*\n"),
    hint(
        "gpu_oom",
        r"NCCL WARN Cuda failure .*out of memory",
        r"ncclUnhandledCudaError|unhandled cuda",
    ),
    hint(
        "tokenizer_config_mismatch",
        r"(Indexing|IndexKernel|Embedding\w*|ScatterGatherKernel)\.cu\S*: .*Assertion "
        r"[`'\"]?(srcIndex < srcSelectDimSize|ind(ex)? >= ?0 && ind(ex)? <|-sizes\[i\] <= index|"
        r"input_idx|idx_dim >= 0)",
        _ASSERTED,
        "A token id, or another index, is outside of the table that it is looked up in.",
    ),
    hint(
        "label_out_of_range",
        r"(Loss|NLLLoss\w*|ClassNLLCriterion|SpatialClassNLLCriterion|MultiMarginLoss|"
        r"MultiLabelMarginCriterion)\w*\.cuh?\S*: .*Assertion",
        _ASSERTED,
        "A class label is outside of the range of the model's outputs; a kernel of the loss "
        "checked it.",
    ),
    hint(
        "label_out_of_range",
        r"Assertion .*(t|cur_target|label|target\w*) ?>= ?0 ?&& ?(t|cur_target|label|target\w*) ?<",
        _ASSERTED,
    ),
    hint(
        "label_out_of_range",
        r"Loss\.cu\S*: .*Assertion .*(input_val|target_val|x|y|z) ?>= ?(zero|0) ?&&",
        _ASSERTED,
        "The input of a binary cross entropy, or its label, is outside of 0 to 1.",
        fix="Use a loss with logits, or a sigmoid before it; labels have to be between 0 and 1.",
    ),
    hint(
        "tokenizer_config_mismatch",
        r"Token indices sequence length is longer than the specified maximum",
        _ASSERTED,
        "A text has more tokens than the model has positions for.",
        fix="Truncate the texts: truncation=True, max_length as the model's positions.",
    ),
    rule(
        "nan_loss",
        r"Assertion .*(probability tensor|!isnan|isfinite)|"
        r"probability tensor contains either [`'\"]?inf",
        "A probability became NaN or infinite.",
        weight=60,
    ),
    rule(
        "illegal_memory_access",
        r"(?i)an illegal memory access was encountered|CUDA_ERROR_ILLEGAL_ADDRESS|"
        r"misaligned address|CUDA_ERROR_MISALIGNED_ADDRESS|"
        r"CUDA error: (invalid program counter|unspecified launch failure)|"
        r"cudaErrorIllegalAddress|CUDA_ERROR_LAUNCH_FAILED|Memory access fault by GPU node",
        weight=61,
    ),
)

_XID = r"\bXid \(?[^)]*\)?: ?(48|62|63|64|74|79|92|94|95|119|120|140)\b"

_HARDWARE = (
    hint("gpu_hardware", _XID, r"CUDA error|CUDA driver|NCCL|cudaError"),
    rule(
        "gpu_hardware",
        r"(?i)uncorrectable ECC(?! errors?\W+0\b)|" + _XID + r"|"
        r"GPU has fallen off the bus|CUDA error: (hardware stack error|unknown error)|"
        r"cudaErrorECCUncorrectable|CUDA_ERROR_ECC_UNCORRECTABLE|GPU is lost|NVLink error|"
        r"Unable to determine the device handle for GPU|RmInitAdapter failed|"
        r"cudaErrorNvlinkUncorrectable|CUDA error: uncorrectable",
        weight=66,
    ),
)

_BUILDS = (
    rule(
        "cuda_driver_mismatch",
        r"The NVIDIA driver on your system is too old|CUDA driver version is insufficient for "
        r"CUDA runtime version|CUDA_ERROR_(SYSTEM_DRIVER_MISMATCH|COMPAT_NOT_SUPPORTED)|"
        r"forward compatibility was attempted on non supported HW|"
        r"provided PTX was compiled with an unsupported toolchain|"
        r"[Dd]river/library version mismatch|"
        r"system has unsupported display driver|requires (a )?(newer )?(NVIDIA|CUDA) driver|"
        r"cudaErrorInsufficientDriver|"
        r"unsatisfied condition: cuda|NVIDIA driver version is insufficient",
        weight=63,
    ),
    hint(
        "cuda_driver_mismatch",
        r"The NVIDIA driver on your system is too old|CUDA driver version is insufficient|"
        r"forward compatibility was attempted|Driver/library version mismatch",
        _NO_GPU,
    ),
    rule(
        "no_kernel_image",
        r"no kernel image is available for execution|cudaErrorNoKernelImageForDevice|"
        r"CUDA_ERROR_NO_BINARY_FOR_GPU|named symbol not found|no kernel found for gpu|"
        r"hipErrorNoBinaryForGpu|Value 'sm_\w+' is not defined for option|"
        r"not compiled for (your|this) GPU|FlashAttention only supports (Ampere|Hopper) GPUs",
        weight=63,
    ),
    hint(
        "no_kernel_image",
        r"with CUDA capability sm_\d+ is not compatible with the current PyTorch installation",
        r"no kernel image|CUDA error|CUBLAS_STATUS_(ARCH_MISMATCH|NOT_SUPPORTED)",
    ),
    rule(
        "bf16_unsupported",
        r"(?i)bf(loat)?16.{0,60}(not|n't|only|requires?|isn't).{0,40}(support|available|Ampere|"
        r"capab)|bfloat16 is only supported|Your setup doesn't support bf16|"
        r"bf16 mixed precision requires|does(n't| not) support bf(loat)?16",
        weight=62,
    ),
    rule(
        "cuda_library_missing",
        r"(?P<library>lib(cu|nv|nccl|cudart|cublas|cudnn|cusparse|cufft|nvrtc|nvJitLink|"
        r"npp)[\w.-]*\.so[\w.]*): cannot open shared object file",
        "The loader cannot find {library}, a library of CUDA.",
        weight=64,
    ),
    rule(
        "cuda_library_missing",
        r"(?i)Could not load (dynamic )?library ['\"]?lib(cu|nv)\w*[^;]*;? "
        r".*(dlerror|cannot open)|Unable to load any of \{?libcudnn|"
        r"CUDA Setup failed despite GPU being available|libcudnn\S* .*(not found|cannot)|"
        r"CUDA_HOME (environment variable )?(is not set|does not exist).*|"
        r"Library (libcuda|libcudart|libdevice)\S* (is )?not found|Cannot find libdevice|"
        r"libdevice not found",
        weight=58,
    ),
    rule(
        "compiler_missing",
        r"(?i)Failed to find C compiler|InvalidCxxCompiler|No working C\+\+ compiler found|"
        r"CppCompileError.*(not found|No such file)|C\+\+ compiler (is )?(not found|required)|"
        r"unable to execute '(gcc|g\+\+|cc|c\+\+|x86_64-linux-gnu-\w+|nvcc)'|"
        r"command '(\S*/)?(gcc|g\+\+|cc|clang|nvcc|x86_64-linux-gnu-g\w+)(-\d+)?' failed: No such|"
        r"No such file or directory: '\S*(nvcc|g\+\+|gcc|c\+\+|clang\+?\+?)'|"
        r"\b(nvcc|gcc|g\+\+|cc1plus|c\+\+): ((command )?not found|No such file)|"
        r"CUDA_HOME environment variable is not set|Ninja is required to load C\+\+ extensions|"
        r"which: no (nvcc|gcc|g\+\+)|\bc\+\+ not found|Please specify via CC environment variable|"
        r"MissingCUDAException|cannot find.*\bnvcc\b|Could not find (a )?(nvcc|ptxas)|"
        r"fatal error: Python\.h: No such file",
        weight=66,
    ),
)

_DEVICES = (
    rule(
        "device_ordinal",
        r"invalid device ordinal|CUDA_ERROR_INVALID_DEVICE|cudaErrorInvalidDevice\b|"
        r"Invalid device id|Duplicate GPU detected ?: ?rank|"
        r"device_?(index|id)? must be in the range|MisconfigurationException: You requested gpu|"
        r"You requested gpu: \[.*\]|device (>= 0 and device )?< (device_count|num_gpus)|"
        r"local_rank \d+ .*(only|but) .*\d+ (GPU|device)|Invalid CUDA 'device=|"
        r"device=cuda:\d+ .*(only|invalid)|Attempting to deserialize object on CUDA device \d+ "
        r"but torch\.cuda\.device_count\(\) is \d+",
        weight=63,
    ),
    rule(
        "cuda_unavailable",
        _NO_GPU + r"|Attempting to deserialize object on a CUDA device but|"
        r"no CUDA-capable device is detected|CUDA_ERROR_NO_DEVICE|No supported gpu backend found|"
        r"`?CUDAAccelerator`? can not run on your system|(requires|needs|expected) "
        r"(a |an )?(CUDA|GPU|NVIDIA|Nvidia|Intel GPU).{0,40}(available|found|driver|but)|"
        r"requires at least one (CUDA|GPU)|"
        r"No GPU (found|detected|available)|Unable to initialize backend '(cuda|gpu|rocm)'|"
        r"Unknown backend:? '?(cuda|gpu)|Could not find a GPU|cuda requested but not available|"
        r"Failed to infer device type|fp16 mixed precision requires a GPU|"
        r"bitsandbytes was compiled without GPU support|no GPU is available|"
        r"could not select device driver .*\[\[gpu\]\]|nvidia-container-cli: initialization error|"
        r"ProcessGroupNCCL is only supported with GPUs|[Dd]evice '?cuda(:\d+)?'? (is )?not "
        r"available|not compiled with (GPU|CUDA)\b|Device API cuda is not enabled|"
        r"GPU Tree Learner was not enabled",
        weight=59,
    ),
    rule(
        "cuda_unavailable",
        r"AssertionError|RuntimeError: (No|Unable|Backend)",
        "JAX has no backend of the kind that it was asked for.",
        weight=45,
        shown=Shown.RAISED,
        frame=r"jax/_src/xla_bridge",
    ),
    rule("cuda_unavailable", r"CUDA unknown error - this may be due to", weight=59),
    rule(
        "cuda_unavailable",
        r"CUDA driver initialization failed|Unexpected error from cudaGetDeviceCount",
        "CUDA could not be initialized, so that no GPU is visible.",
        weight=53,
    ),
    rule(
        "cuda_unavailable",
        r"^NVIDIA-SMI has failed because it couldn't communicate",
        "The NVIDIA driver is not loaded, so that no GPU is visible.",
        codes=(9,),
        weight=59,
        shown=Shown.LINE,
    ),
    rule(
        "cuda_unavailable",
        r"all CUDA-capable devices are busy or unavailable",
        "All visible GPUs are used by other processes, which have them for themselves.",
        fix="End the process on the GPU (nvidia-smi shows it), or take another GPU.",
        weight=59,
    ),
    rule(
        "cuda_unavailable",
        r"Distributed package doesn't have NCCL built in|"
        r"module 'torch\._C' has no attribute '_cuda\w+'",
        weight=59,
    ),
    rule(
        "device_mismatch",
        r"is not on the expected device|Expected object of (device|backend) type|"
        r"Expected all tensors to be on the same device|(Input type|Input) \(.*\) and weight type "
        r"\(.*\) should be the same|is on device \S+ but expected|"
        r"(tensor|argument|buffers?|parameters?)s? .*(is|are|be) on (device )?(cuda|cpu)\S* "
        r".*(different|but|other|while|expected)|indices should be either on cpu or on the same "
        r"device|module must have its parameters and buffers on device|"
        r"Expected a '\w+' device type for generator but found|"
        r"[Tt]ensors? .*on (different|the same) devices?|Cannot copy out of meta tensor|"
        r"can't convert cuda:\d+ device type tensor to numpy|"
        r"Pointer argument .*cannot be accessed from Triton|"
        r"No backend type associated with device type cpu|Attempted to call "
        r"[`'\"]?variable\.set_data|Received incompatible devices for jitted computation",
        weight=57,
    ),
    # after the kinds of what went wrong: what is left when a kernel's assertion was not printed
    rule(
        "illegal_memory_access",
        r"CUBLAS_STATUS_EXECUTION_FAILED|CUDNN_STATUS_(EXECUTION_FAILED|MAPPING_ERROR)",
        "A kernel of cuBLAS or cuDNN failed.",
        weight=30,
    ),
)

_LATER = (
    rule(
        "label_out_of_range",
        r"device-side assert triggered",
        "A kernel's assertion failed: mostly a class label or an index that is out of range.",
        fix="Start it with CUDA_LAUNCH_BLOCKING=1, or on the CPU, to see the assertion; compare "
        "the labels with the number of classes.",
        weight=25,
        shown=Shown.RAISED,
    ),
)

RULES: tuple[CauseRule, ...] = (*_MEMORY, *_KERNELS, *_HARDWARE, *_BUILDS, *_DEVICES, *_LATER)


# Several processes: ports, rendezvous, collectives that time out, peers that ended.
#
# The wordings are those of torch.distributed, NCCL, gloo, DeepSpeed, Ray, Horovod and MPI.

_NETWORK = (
    rule(
        "port_in_use",
        r"server socket has failed to listen on any local network "
        r"address.*(port: ?(?P<port>\d+))?.*|EADDRINUSE|[Aa]ddress already in use|errno: ?98\b|"
        r"\[Errno 98\]|port is already allocated|"
        r"[Pp]ort (?P<number>\d+) is (already )?(in use|occupied|taken)|"
        r"Only one usage of each socket address|Failed to bind to address \S+:\d+",
        "The port for the rendezvous or a server is in use by another process.",
        weight=64,
    ),
    rule(
        "rendezvous_timeout",
        r"Timed out initializing process group in store based barrier",
        "Fewer processes than the world size came to the rendezvous in time.",
        weight=67,
    ),
    rule(
        "rendezvous_timeout",
        r"The client socket has (timed out|failed to connect)|"
        r"(DistStoreError|RendezvousTimeoutError|RendezvousConnectionError|RendezvousClosedError)|"
        r"Timed out after \d+ seconds waiting for clients|rendezvous.{0,40}(timed? ?out|timeout)|"
        r"The connection to the C10d store has failed|"
        r"(Timed out|timeout) .*(initializ|waiting for|connect).*(store|rendezvous|process group|"
        r"master|clients?|coordination service)|(Connection|connect) .*(MASTER_ADDR|master_addr)|"
        r"TCPStore.*(timeout|timed out)|Gloo connectFullMesh failed|"
        r"could not connect to the (coordinator|rendezvous)|"
        r"Barrier timed out\. .*(start|init|coordination)|RegisterTask|"
        r"[Ww]ait timeout after \d+ms, keys",
        weight=58,
    ),
    rule(
        "nccl_timeout",
        r"Watchdog caught collective operation timeout: .*OpType=(?P<op>\w+)",
        "A collective operation ({op}) did not finish in time: a rank hung, was slow, or called "
        "other collectives.",
        weight=66,
    ),
    rule(
        "nccl_timeout",
        r"Watchdog caught collective operation timeout|Timed out waiting \d+ms for (recv|send)|"
        r"(collective|NCCL|barrier|all_?reduce|allreduce|broadcast)\w*\b.*(timed? ?out|timeout)|"
        r"Timeout\(ms\)=\d+\) ran for|Some NCCL operations have failed or timed out|"
        r"heartbeat monitor timed? ?out|Heartbeat monitor timed out|"
        r"One or more tensors were submitted .*subset of ranks|Stalled (ops|ranks)|"
        r"Detected mismatch between collectives on ranks|watchdog got stuck for \d+ seconds|"
        r"[Mm]onitoredBarrier|monitored_barrier|Collective (operation )?timeout|"
        r"Rank \d+ failed to pass monitoredBarrier|^Stalled ranks:",
        weight=59,
    ),
    rule(
        "nccl_system_error",
        r"socketStartConnect: .*|NCCL WARN .*No route to host|Call to ibv_\w+ failed",
        weight=65,
    ),
    rule("nccl_system_error", r"ncclSystemError|unhandled system error", weight=61),
    rule("nccl_system_error", r"NET/IB : Got completion .*status=", weight=58),
    rule(
        "nccl_system_error",
        r"ncclSystemError|ncclInvalidUsage|ncclInternalError|ncclUnhandledCudaError|"
        r"NCCL WARN (Bootstrap|NET/|socket|Net|Failed|Call to|No route|ibv_|Could not)|"
        r"No socket interface found|Bootstrap : no socket interface|Unable to find interface for|"
        r"connect\S* returned .*No route to host|ibv_\w+ failed|NET/IB : Got (completion|async)|"
        r"unhandled (system|cuda) error|NCCL failure|Failed to find a network interface|"
        r"[Uu]nable to find address for: |Unable to resolve hostname to a \(local\) address|"
        r"makeDeviceForHostname",
        weight=57,
    ),
)

_PEERS = (
    rule(
        "peer_died",
        r"ncclRemoteError|Connection closed by (remote )?peer|Connection reset by peer|"
        r"remote process exited or there was a network error|[Ss]ocket (closed|Timeout)|"
        r"NCCL communicator (was|has been) aborted|recvValue failed|[Ff]ailed to recv, got 0 bytes|"
        r"Broken pipe|[Rr]emote (process|worker|peer|host).{0,40}(exited|died|crash|closed|gone|"
        r"left)|(ActorDiedError|WorkerCrashedError|NodeDiedError|OwnerDiedError|ObjectLostError|"
        r"RayActorError)|The actor died|A worker died or was killed while executing a task|"
        r"one or more (workers|processes|ranks).*(died|exited|"
        r"failed)|tasks? .*(unhealthy|heartbeat timeout|disconnected)|Coordination service agent|"
        r"BrokenProcessPool|A process in the process pool was terminated abruptly|EOFError: *$|"
        r"Connection(Reset|Aborted)Error: .*peer|TerminatedWorkerError|"
        r"A worker process managed by the executor was unexpectedly",
        weight=35,
    ),
    rule(
        "network_unreachable",
        r"ConnectionRefusedError: |(Connect|Connection|Operational)Error: .*(refused|timed out)",
        "A server refused the connection: nothing listens at its address.",
        fix="Check that the server runs, and its address and port.",
        weight=34,
        shown=Shown.RAISED,
    ),
    rule(
        "host_oom",
        r"Signal 9 \(SIGKILL\) received by PID",
        "A rank was killed by SIGKILL: mostly the kernel does that when memory runs out.",
        weight=47,
    ),
    rule(
        "host_oom",
        r"DataLoader worker \(pid\(?s?\)? ?\S*\) is killed by signal: Killed",
        "A worker of the DataLoader was killed by SIGKILL: mostly the kernel does that when "
        "memory runs out.",
        fix="Fewer DataLoader workers, smaller prefetch, memory-map or stream the data; ask the "
        "scheduler for more memory.",
        weight=45,
    ),
    rule(
        "host_oom",
        r"^(?!.*\bcauses\b).*?(process \d+ terminated with signal SIGKILL|"
        r"died with <Signals\.SIGKILL: 9>|"
        r"exit(code| ?code|ed with)?[ :]*-9\b|return(ed)? ?code ?=? ?-9\b|exited on signal 9|"
        r"(killed|terminated).{0,40}\b(OOM|out of memory|SIGKILL)\b|SIGKILL\(-9\)|"
        r"worker.{0,40}(killed|died).{0,60}(OOM|memory|SIGKILL))",
        "A process of the training was killed by SIGKILL: mostly the kernel does that when "
        "memory runs out.",
        weight=45,
    ),
    rule(
        "segfault",
        r"DataLoader worker \(pid\(?s?\)? ?\S*\) is killed by signal: Segmentation fault|"
        r"process \d+ terminated with signal SIGSEGV|died with <Signals\.SIGSEGV: 11>|"
        r"Signal 11 \(SIGSEGV\) received by PID|exit(code| ?code)?[ :]*-11\b|exited on signal 11",
        weight=46,
    ),
    rule(
        "abort",
        r"killed by signal: Aborted|process \d+ terminated with signal SIGABRT|"
        r"died with <Signals\.SIGABRT: 6>|Signal 6 \(SIGABRT\) received by PID|"
        r"exit(code| ?code)?[ :]*-6\b",
        weight=28,
    ),
    rule(
        "illegal_instruction",
        r"killed by signal: Illegal instruction|terminated with signal SIGILL|"
        r"<Signals\.SIGILL: 4>|Signal 4 \(SIGILL\) received|exit(code| ?code)?[ :]*-4\b",
        weight=46,
    ),
    rule(
        "shm_full",
        r"killed by signal: Bus error|Signal 7 \(SIGBUS\) received by PID|exit(code)?[ :]*-7\b",
        weight=46,
    ),
    rule(
        "deadlock",
        r"DataLoader timed out after \d+ seconds|(?i:\bdeadlock\b(?! (detect|found)))|"
        r"Cannot re-initialize CUDA in forked subprocess|could not acquire lock .* at interpreter "
        r"shutdown|_DeadlockError|huggingface/tokenizers: The current process just got forked, "
        r"after parallelism has",
        weight=44,
        shown=Shown.RAISED,
    ),
    rule(
        "user_code_error",
        r"An attempt has been made to start a new process before the\b|"
        r"Cannot re-initialize CUDA in forked subprocess",
        "Processes are started where the main module is imported, or CUDA was used before a fork.",
        fix="Put the program under if __name__ == '__main__':, and use the spawn start method.",
        weight=61,
    ),
    rule(
        "env_variable_missing",
        r"environment variable (?P<name>\w+) expected, but not set|"
        r"Error initializing torch\.distributed using env:// rendezvous",
        "An environment variable that the launcher sets is missing.",
        weight=66,
    ),
    rule(
        "config_value",
        r"Default process group has not been initialized|world_size.*(mismatch|does not match|"
        r"must|not equal|divisible)|train_batch_size is not equal to micro_batch|"
        r"Check batch related parameters|There are not enough slots available in the system",
        weight=52,
    ),
)

DISTRIBUTED_RULES: tuple[CauseRule, ...] = (*_NETWORK, *_PEERS)
