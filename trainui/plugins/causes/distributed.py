"""Several processes: ports, rendezvous, collectives that time out, peers that ended.

The wordings are those of torch.distributed, NCCL, gloo, DeepSpeed, Ray, Horovod and MPI.
"""

from __future__ import annotations

from trainui.plugin import CauseRule, Shown
from trainui.plugins.causes.catalogue import rule

_NETWORK = (
    rule(
        "port_in_use",
        r"server socket has failed to listen on any local network "
        r"address.*(port: ?(?P<port>\d+))?.*|EADDRINUSE|[Aa]ddress already in use|errno: ?98\b|"
        r"\[Errno 98\]|[Pp]ort (?P<number>\d+) is (already )?(in use|occupied|taken)|"
        r"Only one usage of each socket address",
        "The port for the rendezvous or a server is in use by another process.",
        weight=64,
    ),
    rule(
        "rendezvous_timeout",
        r"The client socket has (timed out|failed to connect)|"
        r"(DistStoreError|RendezvousTimeoutError|RendezvousConnectionError|RendezvousClosedError)|"
        r"Timed out after \d+ seconds waiting for clients|rendezvous.{0,40}(timed? ?out|timeout)|"
        r"The connection to the C10d store has failed|socketStartConnect|"
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
        r"Rank \d+ failed to pass monitoredBarrier",
        weight=59,
    ),
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
        r"NCCL communicator (was|has been) aborted|recvValue failed|failed to recv, got 0 bytes|"
        r"Broken pipe|[Rr]emote (process|worker|peer|host).{0,40}(exited|died|crash|closed|gone|"
        r"left)|(ActorDiedError|WorkerCrashedError|NodeDiedError|OwnerDiedError|ObjectLostError|"
        r"RayActorError)|The actor died|one or more (workers|processes|ranks).*(died|exited|"
        r"failed)|tasks? .*(unhealthy|heartbeat timeout|disconnected)|Coordination service agent|"
        r"BrokenProcessPool|A process in the process pool was terminated abruptly|EOFError: *$|"
        r"Connect(ion)?(Reset|Refused|Aborted)Error: .*(peer|refused)|TerminatedWorkerError|"
        r"A worker process managed by the executor was unexpectedly",
        weight=35,
    ),
    rule(
        "host_oom",
        r"Signal 9 \(SIGKILL\) received by PID",
        "A rank was killed by SIGKILL: mostly the kernel does that when memory runs out.",
        weight=47,
    ),
    rule(
        "host_oom",
        r"DataLoader worker \(pid\(?s?\)? ?\S*\) is killed by signal: Killed|"
        r"process \d+ terminated with signal SIGKILL|died with <Signals\.SIGKILL: 9>|"
        r"exit(code| ?code|ed with)?[ :]*-9\b|return(ed)? ?code ?=? ?-9\b|exited on signal 9|"
        r"(killed|terminated).{0,40}\b(OOM|out of memory|SIGKILL)\b|SIGKILL\(-9\)|"
        r"worker.{0,40}(killed|died).{0,60}(OOM|memory|SIGKILL)",
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
        r"DataLoader timed out after \d+ seconds|(?i:\bdeadlock\b(?! detect(ion|or)))|"
        r"Cannot re-initialize CUDA in forked subprocess|could not acquire lock .* at interpreter "
        r"shutdown|_DeadlockError|huggingface/tokenizers: The current process just got forked, "
        r"after parallelism has",
        weight=44,
        shown=Shown.RAISED,
    ),
    rule(
        "user_code_error",
        r"An attempt has been made to start a new process before the current process has finished "
        r"its bootstrapping phase|Cannot re-initialize CUDA in forked subprocess",
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

RULES: tuple[CauseRule, ...] = (*_NETWORK, *_PEERS)
