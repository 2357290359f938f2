"""The machine: memory, shared memory, disks, quotas, descriptors, crashes of native code."""

from __future__ import annotations

from trainui.plugin import CauseRule, Shown
from trainui.plugins.causes.catalogue import hint, rule

_FULL_SHM = (
    r"(?!.*Too many open files)(?:"
    r"unable to (open|allocate|write to|resize) ?(file|shared memory)?.*(/torch_\w+|/dev/shm|shm)|"
    r"(shared memory|/dev/shm).*(No space left|insufficient|too small|out of|exceeded|full)|"
    r"insufficient shared memory|(No space left|no space left).*(/dev/shm|shared memory|shm)|"
    r"unable to open shared memory object .*No space|"
    r"Error while creating shared memory segment|ncclShmOpen|"
    r"It is possible that dataloader's workers are out of shared memory|The object store is full|"
    r"ObjectStoreFullError)"
)

_MEMORY = (
    rule(
        "too_many_open_files",
        r"unable to open shared memory object .*Too many open files",
        weight=69,
    ),
    rule(
        "host_oom",
        r"unable to mmap \d+ bytes from file .*Cannot allocate memory|"
        r"^memory allocation of \d+ bytes failed$",
        weight=69,
        shown=Shown.BOTH,
    ),
    rule("shm_full", _FULL_SHM, weight=68),
    hint("shm_full", _FULL_SHM, r"DataLoader worker|[Bb]us error|NCCL|shared memory"),
    rule(
        "host_oom",
        r"slurmstepd: error: .*(oom_kill|oom-kill|OOM Killed|out-of-memory|exceeded memory limit|"
        r"memory limit)|srun: error: .*Out Of Memory|(?i:exceeded (job|step)? ?memory limit)|"
        r"OOM event in StepId|Some of your processes may have been killed by the cgroup",
        "The job used more memory than Slurm gave it, and was killed.",
        fix="Ask for more memory (--mem), or use fewer DataLoader workers and smaller prefetch.",
        shown=Shown.OUTSIDE,
        weight=70,
    ),
    rule(
        "host_oom",
        r"Out of memory: Killed process|oom-kill:|Memory cgroup out of memory|OOMKilled|"
        r"oom_reaper: reaped|PBS: job killed: mem|=>> PBS: job killed: (v?mem|mem)|TERM_MEMLIMIT|"
        r"Container killed on request. Exit code is 137|exited with code 137.*[Oo]ut of memory|"
        r"due to the node running low on memory",
        shown=Shown.OUTSIDE,
        weight=70,
    ),
    rule(
        "host_oom",
        r"DefaultCPUAllocator: (can't allocate memory|not enough memory)|\bMemoryError\b|"
        r"Cannot allocate memory|std::bad_alloc|Unable to allocate (?P<size>[\d.]+ \w+) for an "
        r"array|ENOMEM|[Oo]ut of memory: Kill|not enough memory: you tried to allocate|"
        r"tcmalloc: large alloc.*fail|(OutOfMemoryError: Task was killed|"
        r"OutOfMemoryError: .*[Nn]ode)|Task was killed due to the node running low on memory|"
        r"ArrowMemoryError|malloc of size \d+ failed|realloc of size \d+ failed|"
        r"paging file is too small",
        weight=57,
    ),
    rule(
        "host_oom",
        r"line \d+: +\d+ Killed\b|^(\S+: )?Killed$|\bKilled "
        r"+(python|\S*/python|torchrun|accelerate)",
        "The process was killed by SIGKILL: mostly the kernel does that when memory runs out.",
        weight=54,
        shown=Shown.LINE,
    ),
    rule(
        "host_oom",
        text="Killed by SIGKILL; by whom is unknown, since nothing was printed and the kernel has "
        "no record. Mostly memory (RAM) ran out, and the kernel, a container's runtime or a "
        "scheduler killed it. A person's `kill -9` looks the same.",
        signals=(9,),
        shown=Shown.END,
        weight=30,
    ),
)

_DISKS = (
    rule(
        "quota_exceeded",
        r"[Dd]isk quota exceeded|\[Errno 122\]|EDQUOT|[Qq]uota (is )?exceeded",
        weight=66,
    ),
    rule(
        "disk_full",
        r"[Nn]o space left on device|\[Errno 28\]|ENOSPC|(?i:disk (is )?full)|"
        r"There is not enough free space|[Nn]ot enough (free )?disk space|"
        r"PytorchStreamWriter failed writing|unexpected pos \d+ vs \d+|"
        r"Not enough free space to write|could not write.*\(os error 28\)|"
        r"database or disk is full|code: 28, kind: StorageFull",
        weight=63,
    ),
    rule(
        "too_many_open_files",
        r"[Tt]oo many open files|\[Errno 24\]|\bEMFILE\b|received 0 items of ancdata|"
        r"Pin memory thread exited unexpectedly.*ancdata|ulimit -n",
        weight=67,
    ),
    hint(
        "too_many_open_files",
        r"[Tt]oo many open files|received 0 items of ancdata",
        r"DataLoader worker|Pin memory thread|ancdata|ConnectionRefused|ConnectionReset|EOFError",
    ),
)

_CRASHES = (
    rule(
        "glibc_missing",
        r"version `?(GLIBC|GLIBCXX|CXXABI)_[\d.]+'? not found",
        "A binary needs a newer glibc or libstdc++ than this machine has.",
        weight=68,
    ),
    rule(
        "illegal_instruction",
        r"Illegal instruction|Fatal Python error: Illegal instruction|\bSIGILL\b|"
        r"TensorFlow library was compiled to use \w+ instructions, but these aren't available|"
        r"jaxlib .*was compiled (using|with|to use) AVX instructions",
        weight=55,
    ),
    rule(
        "illegal_instruction",
        text="The process ended by SIGILL: it used an instruction of the CPU that this machine "
        "does not have.",
        signals=(4,),
        shown=Shown.END,
        weight=40,
    ),
    rule(
        "abort",
        r"double free or corruption|free\(\): invalid|malloc\(\): |corrupted (size|double-linked)|"
        r"munmap_chunk\(\)|malloc_consolidate|\*\*\* stack smashing detected|heap corruption|"
        r"realloc\(\): invalid|terminate called without an active exception|"
        r"pure virtual method called|corrupted unsorted chunks|Assertion [`'].*' failed\.$|"
        r"Check failed: |glibc detected",
        weight=53,
        shown=Shown.LINE,
    ),
    rule(
        "segfault",
        r"Fatal Python error: Segmentation fault|Segmentation fault( \(core dumped\))?|"
        r"\bSIGSEGV\b|!!!!!!! Segfault encountered|Signal: Segmentation fault|"
        r"segfault at [0-9a-f]+ ip|Fatal Python error: (Bus error|Stack overflow)",
        weight=54,
        shown=Shown.LINE,
    ),
    rule(
        "shm_full",
        r"[Bb]us error( \(core dumped\))?",
        "A bus error: mostly /dev/shm is too small for the memory that processes share.",
        weight=48,
        shown=Shown.LINE,
    ),
    rule(
        "shm_full",
        text="The process ended by SIGBUS: mostly /dev/shm is too small for the memory that "
        "processes share, or a mapped file was truncated.",
        signals=(7,),
        shown=Shown.END,
        weight=35,
    ),
    rule(
        "segfault",
        text="A crash in native code: the process ended by SIGSEGV.",
        signals=(11,),
        shown=Shown.END,
        weight=40,
    ),
    rule(
        "abort",
        r"Fatal Python error: Aborted|\bAborted \(core dumped\)|^(\S+: )?Aborted$|"
        r"line \d+: +\d+ Aborted\b|terminate called after throwing",
        weight=27,
        shown=Shown.LINE,
    ),
    rule(
        "abort",
        text="A library ended the process by SIGABRT.",
        signals=(6,),
        shown=Shown.END,
        weight=30,
    ),
)

RULES: tuple[CauseRule, ...] = (*_MEMORY, *_DISKS, *_CRASHES)
