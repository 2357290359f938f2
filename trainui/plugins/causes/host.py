"""The machine and the shell: memory, shared memory, disks, quotas, crashes, commands."""

from __future__ import annotations

import signal

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

_LIMIT = r"\b(limit|budget|threshold|quota|cap|max\w*)\b"
_OVER = (
    rf"exceed\w*|\b(over|above|beyond|past|reached|hit)\b.*{_LIMIT}|"
    rf"{_LIMIT}.*\b(reached|hit)\b|\d[^<>=-]{{0,8}}>=? ?\d|\b(above|over) \d"
)
_ENDS = r"\b(kill(s|ed|ing)?|SIG(KILL|TERM|ABRT)|terminat(es?|ed|ing)|abort(s|ed|ing)?)\b"
_TIME = r"\b(time|wall-?(clock|time)|runtime|deadline)\b"
_MAIN_MEMORY = r"(?<!shared )\b(memory|rss|ram)\b"


def _says(*parts: str) -> str:
    """Return a pattern for a line that has each of some parts, as what has happened on the host."""
    no = r"(?!.*\b(gpu|cuda|vram|hbm|not|within|if|when|once|unless|would)\b)"
    return rf"(?i)^{no}" + "".join(f"(?=.*({part}))" for part in parts)


_LESS = "Use less memory (smaller batches and prefetch, data memory-mapped or streamed)"

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
        r"slurmstepd\S*: error: (?!.*\.extern\b).*(oom_kill|oom-kill|OOM Killed|"
        r"out-of-memory|exceeded memory limit|memory limit)|srun: error: .*Out Of Memory|"
        r"(?i:exceeded (job|step)? ?memory limit)|"
        r"OOM event in StepId(?!=\S*\.extern)",
        "The job used more memory than Slurm gave it, and was killed.",
        fix=f"{_LESS}, or ask for more (--mem).",
        shown=Shown.OUTSIDE,
        weight=70,
    ),
    rule(
        "host_oom",
        r"Out of memory: Killed process|oom-kill:|Memory cgroup out of memory|OOMKilled|"
        r"oom_reaper: reaped|PBS: job killed: mem|=>> PBS: job killed: (v?mem|mem)|TERM_MEMLIMIT|"
        r"Container killed on request. Exit code is 137|exited with code 137.*[Oo]ut of memory|"
        r"due to the node running low on memory|"
        r"Container killed by YARN for exceeding .*memory limits",
        shown=Shown.OUTSIDE,
        weight=70,
    ),
    rule(
        "host_oom",
        r"Unable to allocate (?P<size>[\d.]+ \w+) for an array",
        "An array of {size} was asked for, and there is not so much free memory (RAM): nothing was "
        "killed, the allocation failed.",
        fix="Look at the array's shape and type at the named line; memory-map or stream the data, "
        "or work on a part at a time.",
        weight=57,
    ),
    rule(
        "host_oom",
        r"[Oo]ut of memory: Kill|OutOfMemoryError: Task was killed|OutOfMemoryError: .*[Nn]ode|"
        r"Task was killed due to the node running low on memory",
        weight=57,
    ),
    rule(
        "host_oom",
        r"DefaultCPUAllocator: (can't allocate memory|not enough memory)|\bMemoryError\b|"
        r"Cannot allocate memory|std::bad_alloc|ENOMEM|not enough memory: you tried to allocate|"
        r"java\.lang\.OutOfMemoryError|tcmalloc: large alloc.*fail|"
        r"ArrowMemoryError|malloc of size \d+ failed|realloc of size \d+ failed|"
        r"paging file is too small|bad allocation$|\[Fatal\] Cannot allocate memory",
        "An allocation of memory (RAM) failed: more was asked for than was free.",
        weight=57,
    ),
    rule(
        "host_oom",
        r"line \d+: +\d+ Killed\b|^make(\[\d+\])?: \*\*\* \[.*\] Killed$|^(\S+: )?Killed$|\bKilled "
        r"+(python|\S*/python|torchrun|accelerate)",
        "The process was killed by SIGKILL: mostly the kernel does that when memory runs out.",
        weight=54,
        shown=Shown.LINE,
    ),
    rule(
        "host_oom",
        _says(_OVER, _MAIN_MEMORY, _ENDS),
        "What watches its memory (RAM) ended it: more was in use than its limit allows.",
        fix=f"{_LESS}, or raise that limit.",
        weight=56,
        shown=Shown.LINE,
    ),
    rule(
        "host_oom",
        _says(_OVER, _MAIN_MEMORY),
        "It was killed by SIGKILL after it printed that a limit of memory (RAM) was exceeded.",
        fix=f"{_LESS}, or raise that limit.",
        signals=(signal.SIGKILL,),
        weight=55,
        shown=Shown.LINE,
    ),
    rule(
        "host_oom",
        text="Killed by SIGKILL; by whom is unknown: its output does not say, and the kernel has "
        "no record. Mostly memory (RAM) ran out, and the kernel, a container's runtime or a "
        "scheduler killed it. A person's `kill -9` looks the same.",
        signals=(signal.SIGKILL,),
        shown=Shown.END,
        weight=30,
    ),
)

_DISKS = (
    rule(
        "quota_exceeded",
        r"[Dd]isk quota exceeded|\[Errno 122\]|EDQUOT|"
        r"[Qq]uota (is )?exceeded(?! for)(?=.*[/~])|/\S*.*[Qq]uota (is )?exceeded",
        weight=66,
    ),
    rule(
        "disk_full",
        r"[Nn]o space left on device|\[Errno 28\]|ENOSPC|(?i:disk (is )?full)|"
        r"There is not enough free space|[Nn]ot enough (free )?disk space|"
        r"PytorchStreamWriter failed writing|unexpected pos \d+ vs \d+|"
        r"Not enough free space to write|could not write.*\(os error 28\)|"
        r"database or disk is full|^tar: .*: (Wrote only \d+ of|Cannot write:.* No space)|"
        r"code: 28, kind: StorageFull",
        weight=63,
    ),
    rule(
        "too_many_open_files",
        r"[Tt]oo many open files|\[Errno 24\]|\bEMFILE\b|received 0 items of ancdata|"
        r"Pin memory thread exited unexpectedly.*ancdata",
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
        r"double free or corruption|free\(\): (invalid|double free)|malloc\(\): |corrupted (size|"
        r"double-linked)|"
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

_IN_OTHER_LANGUAGES = (
    # what programs of a shell say in a German, French, Spanish, Portuguese, Italian, Russian,
    # Chinese, Japanese or Korean locale; Python's own messages are English in all of them
    rule(
        "disk_full",
        r"kein Speicherplatz mehr verfügbar|[Aa]ucun espace disponible sur le périphérique|"
        r"[Nn]o queda espacio en el dispositivo|[Nn]ão há espaço disponível no dispositivo|"
        r"[Ss]pazio esaurito sul device|не осталось свободного места|设备上没有空间|"
        r"デバイスに空き領域がありません|장치에 남은 공간이 없",
        weight=63,
        shown=Shown.LINE,
    ),
    rule(
        "quota_exceeded",
        r"Plattenplatz.*überschritten|quota d'espace disque|[Cc]uota de disco|超出磁盘限额|"
        r"[Cc]ota de disco|[Дд]исковая квота превышена|ディスク使用量制限を超過|디스크 할당량",
        weight=66,
        shown=Shown.LINE,
    ),
    rule(
        "host_oom",
        r"Nicht genügend Hauptspeicher verfügbar|[Nn]e peut allouer de la mémoire|"
        r"[Ii]mpossible d'allouer de la mémoire|[Nn]o se pudo asignar memoria|"
        r"[Nn]ão foi possível alocar memória|[Ii]mpossibile allocare memoria|无法分配内存|"
        r"[Нн]е удалось выделить память|メモリを確保できません|메모리를 할당할 수 없",
        weight=57,
        shown=Shown.LINE,
    ),
    rule(
        "command_not_found",
        r": (Kommando|Befehl) nicht gefunden\.?$|: commande introuvable$|"
        r": (orden no encontrada|no se encontró la orden)$|: comando não encontrado$|"
        r": comando non trovato$|: команда не найдена$|[:：] ?未找到命令$|"
        r": コマンドが見つかりません$|: 명령어를 찾을 수 없음$",
        "The command does not exist on the PATH.",
        weight=66,
        shown=Shown.LINE,
    ),
    rule(
        "permission_denied",
        r": Keine Berechtigung$|: Permission non accordée$|: Permiso denegado$|"
        r": Permissão negada$|: Permesso negato$|: Отказано в доступе$|[:：] ?权限不够$|"
        r": 許可がありません$|: 허가 거부$",
        weight=48,
        shown=Shown.LINE,
    ),
    rule(
        "file_not_found",
        r": Datei oder Verzeichnis nicht gefunden$|: Aucun fichier ou dossier de ce (type|nom)$|"
        r": No existe el (fichero|archivo) o el directorio$|"
        r": Arquivo ou diretório inexistente$|: File o directory non esistente$|"
        r": Нет такого файла или каталога$|[:：] ?没有那个文件或目录$|"
        r": そのようなファイルやディレクトリはありません$|: 그런 파일이나 디렉터리가 없습니다$",
        weight=48,
        shown=Shown.LINE,
    ),
)

_EVICTED = (
    rule(
        "disk_full",
        r"low on resource: (ephemeral-storage|\w*fs|imagefs|nodefs)|DiskPressure|"
        r"[Ee]phemeral (local )?storage usage exceeds",
        "The pod was evicted: the disk of its node was full.",
        shown=Shown.OUTSIDE,
        weight=74,
    ),
    rule(
        "host_oom",
        r"low on resource: memory|MemoryPressure",
        "The pod was evicted: the memory of its node was used up.",
        shown=Shown.OUTSIDE,
        weight=74,
    ),
)

RULES: tuple[CauseRule, ...] = (*_EVICTED, *_MEMORY, *_DISKS, *_CRASHES, *_IN_OTHER_LANGUAGES)


# Who started the program: Slurm and other schedulers, shells, timeout(1), containers, signals.

_SCHEDULERS = (
    rule(
        "time_limit",
        r"(?i)DUE TO TIME LIMIT|=>> PBS: job killed: walltime \d+ exceeded|TERM_RUNLIMIT|"
        r"job .*exceeded .*(wall-?(clock )?time|time limit)|walltime .*exceeded|"
        r"Job has timed out\. |this job is timed-out|job\.exception type=timeout|"
        r"resource allocation expired|"
        r"Job was active longer than specified deadline|job reached .*time limit|"
        r"Job failed: execution took longer than|job exceeded allowed (execute|job) duration",
        "The time limit of the job was reached.",
        shown=Shown.OUTSIDE,
        weight=75,
    ),
    rule(
        "preempted",
        r"(?i)DUE TO PREEMPTION|CANCELLED .*PREEMPT|TERM_PREEMPT",
        "The job was preempted.",
        shown=Shown.OUTSIDE,
        weight=75,
    ),
    rule(
        "preempted",
        r"(?i)(instance|node|spot|VM|job|pod|worker).{0,30}(was|is being|has been|got) "
        r"(preempted|evicted)|spot (instance )?interruption|preemption (notice|signal)|"
        r"Received SIGUSR1, requeu|requeue(d|ing) job",
        "The job was preempted.",
        shown=Shown.OUTSIDE,
        weight=60,
    ),
    rule(
        "preempted",
        r"(?i)(instance|node|spot|VM|job|pod|worker).{0,30}(preempted|evicted)",
        "The job was preempted.",
        shown=Shown.OUTSIDE,
        signals=(signal.SIGTERM, signal.SIGKILL),
        weight=60,
    ),
    rule(
        "node_failure",
        r"(?i)DUE TO NODE FAILURE|(State[=:]|status:?|slurm\S*:.*) ?NODE_FAIL\b|Node failure on|"
        r"srun: error: Node failure|"
        r"Job .* (was )?aborted due to node|node .* (is )?not responding, setting DOWN|"
        r"lost contact with node",
        shown=Shown.OUTSIDE,
        weight=76,
    ),
    rule(
        "preempted",
        r"slurmstepd: error: \*\*\* (JOB|STEP) \S+ ON \S+ CANCELLED AT \S+ "
        r"(DUE TO JOB REQUEUE )??\*\*\*|scancel|TERM_OWNER",
        "The job was cancelled while it ran.",
        shown=Shown.OUTSIDE,
        weight=35,
    ),
    rule(
        "time_limit",
        text="timeout(1) ended the command at its time limit.",
        fix="Raise the limit in the command, or save checkpoints and continue in another attempt.",
        codes=(124,),
        command=r"\btimeout\b",
        shown=Shown.END,
        weight=60,
    ),
    rule(
        "time_limit",
        text="It ended with exit code 124, which timeout(1) gives at its time limit.",
        fix="Raise the limit, or save checkpoints and continue in another attempt.",
        codes=(124,),
        shown=Shown.END,
        weight=59,
    ),
    rule(
        "time_limit",
        text="The limit of CPU time (ulimit -t) was reached.",
        fix="Raise the limit, or save checkpoints and continue in another attempt.",
        signals=(signal.SIGXCPU,),
        shown=Shown.END,
        weight=60,
    ),
    rule(
        "time_limit",
        r"^timeout: sending signal (TERM|KILL|INT|\d+) to command",
        "timeout(1) ended the command at its time limit.",
        shown=Shown.OUTSIDE,
        weight=77,
    ),
    rule(
        "time_limit",
        text="Killed by SIGKILL; the command sets a limit of CPU time (ulimit -t), at which the "
        "kernel does that.",
        fix="Raise the limit, or save checkpoints and continue in another attempt.",
        signals=(signal.SIGKILL,),
        command=r"\bulimit\b[^;&|]* -\w*t",
        shown=Shown.END,
        weight=45,
    ),
    rule(
        "time_limit",
        r"(?i)\b(wall-?(clock)? ?time|cpu[ -]time|(time|runtime)[ -]limit|deadline)\b.*"
        r"\b(exceed\w*|reached|expired)\b|\b(exceed\w*|reached|hit)\b.*"
        r"\b(wall-?(clock)? ?time|cpu[ -]time|time[ -]limit|deadline)\b",
        "It was killed after it printed that a limit of time was exceeded.",
        fix="Raise that limit, or save checkpoints and continue in another attempt.",
        signals=(signal.SIGKILL, signal.SIGTERM, signal.SIGXCPU),
        weight=56,
        shown=Shown.LINE,
    ),
    rule(
        "time_limit",
        _says(_OVER, _TIME, _LIMIT, _ENDS),
        "What watches its time ended it at its limit.",
        fix="Raise that limit, or save checkpoints and continue in another attempt.",
        weight=56,
        shown=Shown.LINE,
    ),
)

_SHELLS = (
    rule(
        "deadlock",
        r"^Timeout \(\d+:\d\d:\d\d(\.\d+)?\)!$",
        "The program hung: faulthandler's time limit was reached, and it printed the stacks below.",
        codes=(1,),
        weight=58,
        shown=Shown.LINE,
    ),
    rule(
        "bad_interpreter",
        r"bad interpreter: |\^M: bad interpreter|\$'\\r': command not found|"
        r"\benv: .*(python|bash|sh)\S*(\\r|\r|␍)\S*.*No such file|"
        r"(syntax error (near unexpected token|: unexpected end of file).*\\r)|"
        r"cannot execute: required file not found|env: use -\[v\]S to pass options in shebang "
        r"lines",
        weight=69,
        shown=Shown.LINE,
    ),
    rule(
        "command_not_found",
        r"^(\S+: )?(line \d+: |\d+: )?(?P<name>[^\s:]+): (command )?not found$|"
        r"(command not found|fish: Unknown command): (?P<of_zsh>\S+)",
        "The command does not exist on the PATH.",
        weight=66,
        codes=(127,),
        shown=Shown.LINE,
    ),
    rule(
        "command_not_found",
        r"^(\S+: )?(line \d+: |\d+: )?(?P<name>python[\d.]*|torchrun|accelerate|deepspeed|srun|"
        r"mpirun|uv|poetry|docker|apptainer|singularity|Rscript|julia): (command )?not found$",
        "The command does not exist on the PATH.",
        weight=66,
        codes=(1, 2),
        shown=Shown.LINE,
    ),
    rule(
        "command_not_found",
        r"^(/usr/bin/)?env: "
        r"[‘'\"]?(?P<of_env>[^\s'’\":]+)['’\"]?: No such file or directory|"
        r"executable file not found in \$PATH|(slurmstepd: error: execve\(\)|"
        r"srun: error: .*execve\(\)): .*No such file|timeout: failed to run command .*No such "
        r"file|nohup: failed to run command .*No such|exec: \S+: not found|"
        r"The term '.*' is not recognized|"
        r"^make(\[\d+\])?: (?P<of_make>\S+): (No such file or directory|Command not found)$",
        "The command does not exist on the PATH.",
        weight=66,
        shown=Shown.LINE,
    ),
    rule(
        "command_not_found",
        r"CondaError: Run 'conda init' before 'conda activate'|"
        r"CommandNotFoundError: Your shell has not been properly configured",
        "`conda activate` does not work in a shell of a script, so the environment is not active.",
        fix="Name the environment in the file (`python: ~/miniconda3/envs/NAME`), start the "
        'command with `conda run -n NAME`, or run `eval "$(conda shell.bash hook)"` before it.',
        weight=66,
        shown=Shown.LINE,
    ),
    rule(
        "file_not_found",
        r"EnvironmentNameNotFound: Could not find conda environment: (?P<name>\S+)|"
        r"EnvironmentLocationNotFound: Not a conda environment: (?P<place>\S+)",
        "There is no such conda environment.",
        fix="`conda env list` shows those that exist.",
        weight=66,
        shown=Shown.LINE,
    ),
    rule(
        "config_value",
        r"^(srun|sbatch|salloc): error: (Unable to (allocate resources|create step[^:]*)|"
        r"Batch job submission failed): "
        r"(?P<why>Invalid .+|Requested .+|.*(limit|exceeds|not permitted).*)",
        "Slurm refuses the job as it was asked for: {why}.",
        weight=66,
        shown=Shown.LINE,
    ),
    rule(
        "not_executable",
        r"(line \d+: |\d+: )?\S+: Permission denied$|cannot execute binary file|"
        r"failed to run command .*Permission denied|execve\(\): .*Permission denied|"
        r"Exec format error|exec: .*[Pp]ermission denied|: Is a directory$",
        weight=65,
        codes=(126,),
        shown=Shown.LINE,
    ),
    rule(
        "not_executable",
        r"cannot execute binary file|Exec format error|^\S*(sh|bash|slurmstepd|srun)\S*: "
        r".*Permission denied$",
        weight=50,
        shown=Shown.LINE,
    ),
    rule(
        "file_not_found",
        r"can't open file '?(?P<file>[^']+)'?: \[Errno 2\] No such file or directory",
        "The program {file} does not exist.",
        weight=66,
        shown=Shown.LINE,
    ),
    rule(
        "env_variable_missing",
        r"\b(?P<name>\w+): unbound variable|\b(?P<other>\w+): parameter (null or )?not set|"
        r"(line \d+: |^\S+: \d+: )(?P<third>\w+): .{0,40}\b(not |un)set\b",
        "The variable that the script needs is not set.",
        weight=62,
        shown=Shown.LINE,
    ),
    rule(
        "user_code_error",
        r"syntax error near unexpected token|syntax error: unexpected end of file|"
        r"[Ss]yntax error: (Unterminated|\"|end of file)|unexpected EOF while looking for matching",
        "The shell cannot parse the script.",
        weight=52,
        shown=Shown.LINE,
    ),
    rule(
        "file_not_found",
        r"^make(\[\d+\])?: \*\*\* No rule to make target '(?P<file>[^']+)', needed by|"
        r"^ERROR: failed to reproduce '[^']+': missing data 'source': (?P<of_dvc>\S+)",
        "{file}{of_dvc} does not exist, and nothing makes it.",
        weight=56,
        shown=Shown.LINE,
    ),
    rule(
        "file_not_found",
        r"^tar: .*: Cannot open: No such file or directory",
        weight=56,
        shown=Shown.LINE,
    ),
    rule(
        "file_not_found",
        r"^(cat|cp|mv|ls|cd|tar|source|head|tail|find|python\d?|(ba)?sh)\b.*: "
        r"(cannot (open|stat|access|find).*)?No such file or directory|"
        r"^\S+: line \d+: (cd: )?\S+: No such file or directory|"
        r"Unable to open file .*for (batch )?script",
        weight=48,
        codes=(1, 2, 127),
        shown=Shown.LINE,
    ),
)

_SIGNALS = (
    rule(
        "interrupted",
        text="It was interrupted (SIGINT), as by Ctrl-C.",
        signals=(2,),
        shown=Shown.END,
        weight=50,
    ),
    rule(
        "interrupted",
        r"^KeyboardInterrupt\b|Detected KeyboardInterrupt|[Ii]nterrupted by (the )?user|"
        r"([Rr]eceived|[Gg]ot|[Cc]aught) SIGINT|Signal 2 \(SIGINT\) received",
        weight=24,
    ),
    rule(
        "preempted",
        r"(?i)(received|got|caught|handling|by) (signal )?\(?(SIGTERM|signal 15|SIGUSR1)|"
        r"SignalException: Process \d+ got signal: 15|Signal 15 \(SIGTERM\) received|"
        r"SIGTERMException|\bTerminated$|srun: forcing job termination|SystemExit: 143|"
        r"sent SIGTERM",
        weight=26,
    ),
    rule(
        "preempted",
        text="Another process sent SIGTERM, as schedulers do before they end a job.",
        signals=(15,),
        shown=Shown.END,
        weight=45,
    ),
    rule(
        "command_not_found",
        text="The shell did not find a command (exit code 127).",
        codes=(127,),
        shown=Shown.END,
        weight=40,
    ),
    rule(
        "not_executable",
        text="A file could not be executed (exit code 126).",
        codes=(126,),
        shown=Shown.END,
        weight=40,
    ),
)

SHELL_RULES: tuple[CauseRule, ...] = (*_SCHEDULERS, *_SHELLS, *_SIGNALS)
