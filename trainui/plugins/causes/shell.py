"""Who started the program: Slurm and other schedulers, shells, timeout(1), containers, signals."""

from __future__ import annotations

from trainui.plugin import CauseRule, Shown
from trainui.plugins.causes.catalogue import rule

_SCHEDULERS = (
    rule(
        "time_limit",
        r"(?i)DUE TO TIME LIMIT|=>> PBS: job killed: walltime \d+ exceeded|TERM_RUNLIMIT|"
        r"job .*exceeded .*(wall ?time|time limit)|walltime .*exceed|"
        r"DeadlineExceeded: Job was active longer|job reached .*time limit",
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
        r"(?i)(instance|node|spot|VM|job|pod|worker).{0,30}(was |is being |has been |"
        r"will be )?(preempted|evicted)|spot (instance )?interruption|preemption (notice|signal)|"
        r"Received SIGUSR1, requeu|requeue(d|ing) job",
        "The job was preempted.",
        shown=Shown.OUTSIDE,
        weight=60,
    ),
    rule(
        "node_failure",
        r"(?i)DUE TO NODE FAILURE|\bNODE_FAIL\b|Node failure on|srun: error: Node failure|"
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
        r"^timeout: sending signal (TERM|KILL|INT|\d+) to command",
        "timeout(1) ended the command at its time limit.",
        shown=Shown.OUTSIDE,
        weight=77,
    ),
)

_SHELLS = (
    rule(
        "bad_interpreter",
        r"bad interpreter: |\^M: bad interpreter|\$'\\r': command not found|"
        r"/usr/bin/env: .*(python|bash|sh)\S*(\\r|\r|␍)\S*.*No such file|"
        r"(syntax error (near unexpected token|: unexpected end of file).*\\r)|"
        r"cannot execute: required file not found|env: use -\[v\]S to pass options in shebang "
        r"lines",
        weight=69,
        shown=Shown.LINE,
    ),
    rule(
        "command_not_found",
        r"^(\S+: )?(line \d+: |\d+: )?(?P<name>[^\s:]+): (command )?not found$|"
        r"command not found: (?P<of_zsh>\S+)|^(/usr/bin/)?env: "
        r"[‘'\"]?(?P<of_env>[^\s'’\":]+)['’\"]?: No such file or directory|"
        r"executable file not found in \$PATH|(slurmstepd: error: execve\(\)|"
        r"srun: error: .*execve\(\)): .*No such file|timeout: failed to run command .*No such "
        r"file|nohup: failed to run command .*No such|exec: \S+: not found|"
        r"The term '.*' is not recognized",
        "The command does not exist on the PATH.",
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
        r"^(cat|cp|mv|ls|cd|tar|source|head|tail|find|rm|python\d?|(ba)?sh)\b.*: "
        r"(cannot (open|stat|access|find).*)?No such file or directory|"
        r"^\S+: line \d+: (cd: )?\S+: No such file or directory|"
        r"Unable to open file .*for (batch )?script",
        weight=48,
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
        r"^KeyboardInterrupt\b|\bSIGINT\b|Detected KeyboardInterrupt|interrupted by (the )?user|"
        r"Signal 2 \(SIGINT\) received",
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

RULES: tuple[CauseRule, ...] = (*_SCHEDULERS, *_SHELLS, *_SIGNALS)
