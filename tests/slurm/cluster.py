"""A private SLURM on one machine: two nodes with two pretended GPUs each, to test against.

python tests/slurm/cluster.py install        from Debian's packages
python tests/slurm/cluster.py up FOLDER      then: . FOLDER/env.sh; sinfo
python tests/slurm/cluster.py down FOLDER

All of its files lie in FOLDER, it listens on the loopback address only where the host's name
resolves to that, and it keeps no accounts (no sacct). It needs root, because slurmd starts jobs as
the user who submitted them.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = ("munge", "slurm-client", "slurmctld", "slurmd")
PROGRAMS = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch")
CLIENTS = ("sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun")
NODES = ("n1", "n2")
CPUS, MEMORY, GPUS = 4, 16000, 2  # of each node; megabytes

# Jobs of `main` and `gpu` displace those of `low`, which wait again, and of `cancel`, which end.
PARTITIONS = """\
PartitionName=main Nodes=ALL Default=YES MaxTime=1-0 PriorityTier=10 PreemptMode=OFF
PartitionName=gpu Nodes=ALL MaxTime=1-0 PriorityTier=10 PreemptMode=OFF
PartitionName=low Nodes=ALL MaxTime=1-0 PriorityTier=1 PreemptMode=REQUEUE
PartitionName=cancel Nodes=ALL MaxTime=1-0 PriorityTier=1 PreemptMode=CANCEL
PartitionName=short Nodes=ALL MaxTime=2 PriorityTier=10 PreemptMode=OFF
"""

# Memory limits are enforced by polling, processes found by their group: so no cgroups are needed.
# cred_expire is also how long SLURM lets a requeued job wait, two minutes by itself.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
{loopback}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.slurm
SlurmdPidFile={folder}/%n.slurm
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MpiDefault=none
SwitchType=switch/none
PropagateResourceLimits=NONE
SlurmdParameters=config_overrides
ReturnToService=1
SlurmdTimeout=10
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
DefMemPerCPU=500
EnforcePartLimits=ALL
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0,sched_min_interval=0
KillWait=5
CompleteWait=0
MinJobAge=3600
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/none
{nodes}
{partitions}"""


def missing() -> list[str]:
    """The programs of SLURM that are not installed."""
    return [name for name in PROGRAMS if not shutil.which(name, path=_search_path())]


def install() -> None:
    """Install SLURM from Debian's packages, without starting their services."""
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        options = ["-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"]
        subprocess.run(
            ["apt-get", "install", *options, *PACKAGES],
            check=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip
    finally:
        if ours:
            policy.unlink()


class Cluster:
    """The cluster in a folder.

    Attributes:
        environment: what a process needs to use it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        if len(str(self.folder)) > 80:
            raise ValueError(f"{folder}: the path is too long for a Unix socket")
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": f"{self.folder / 'bin'}:{_search_path()}",
        }

    def up(self) -> None:
        """Configure and start it, and wait until both nodes are idle."""
        self.folder.mkdir(parents=True)
        for name in ("munge", "state", "bin", "dev", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir()
        for name in (".", "munge"):
            (self.folder / name).chmod(0o755)
        self._configure()
        munge = self.folder / "munge"
        subprocess.run(["mungekey", "-c", "-k", munge / "key"], env=self._quiet(), check=True)
        self._launch(
            "munged", "munged", "--foreground", "--force", f"--key-file={munge}/key",
            f"--socket={munge}/socket", f"--pid-file={munge}/pid", f"--log-file={munge}/log",
            f"--seed-file={munge}/seed",
        )  # fmt: skip
        self._await("munged", (munge / "socket").exists)
        self._launch("slurmctld", "slurmctld", "-D", "-i")
        self._await("slurmctld", lambda: self.run("scontrol", "ping", check=False).startswith("S"))
        for node in NODES:
            self.start_node(node)

    def start_node(self, node: str) -> None:
        """Start a node, also one that was killed, and wait until it takes jobs."""
        self._launch(node, "slurmd", "-D", "-N", node, CLUSTER_NODE=f"{self.folder}/{node}")
        self._await(node, lambda: self.state(node) in {"idle", "mixed", "allocated"})

    def kill_node(self, node: str) -> None:
        """End a node as a power cut would: its daemon and all that runs on it at once."""
        tied = {f"CLUSTER_NODE={self.folder}/{node}"}
        jobs = {f"SLURM_CONF={self.folder}/slurm.conf", f"SLURMD_NODENAME={node}"}
        for pid in _processes(tied) | _processes(jobs):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def down(self) -> None:
        """Cancel all jobs, stop the daemons and remove the folder, which must be one of `up`'s."""
        if not {"slurm.conf", "munge", "state", "bin"} <= {
            one.name for one in self.folder.iterdir()
        }:
            raise ValueError(f"{self.folder} is no folder of a cluster: nothing was removed")
        if (self.folder / "bin/scancel").exists():
            self.run("scancel", "--user=root", check=False)
            with contextlib.suppress(TimeoutError):
                _until(lambda: not self.run("squeue", "-h", check=False), 20)
        for name in (*NODES, "slurmctld", "munged"):
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                os.kill(int((self.folder / f"{name}.pid").read_text()), signal.SIGTERM)
        _until(lambda: not _processes({f"CLUSTER={self.folder}"}), 20)
        shutil.rmtree(self.folder)

    def run(self, *command: str, check: bool = True) -> str:
        """Run one of SLURM's commands and return what it printed."""
        done = subprocess.run(command, env=self.environment, text=True, capture_output=True)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout.strip()

    def state(self, node: str) -> str:
        """A node's state, such as ``idle``."""
        return self.run("sinfo", "-h", "-n", node, "-p", "main", "-o", "%T", check=False)

    def jobs(self) -> list[dict[str, str]]:
        """All jobs, ended ones too: what ``scontrol show job`` says of each."""
        lines = self.run("scontrol", "-o", "show", "jobs").splitlines()
        return [
            dict(word.split("=", 1) for word in line.split() if "=" in word)
            for line in lines
            if line.startswith("JobId=")
        ]

    def _configure(self) -> None:
        host = socket.gethostname().split(".")[0]
        local = socket.gethostbyname(host).startswith("127.")
        if not local:
            print(f"{host} is not a loopback name: SLURM listens on all addresses", file=sys.stderr)
        ports = _free_ports(1 + len(NODES))
        for gpu in range(GPUS):
            # SLURM numbers devices only where these are character devices.
            (self.folder / "dev" / f"gpu{gpu}").symlink_to("/dev/null")
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={node} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS} "
            f"RealMemory={MEMORY} Gres=gpu:a100:{GPUS} State=UNKNOWN"
            for node, port in zip(NODES, ports[1:], strict=True)
        )
        loopback = "CommunicationParameters=NoCtldInAddrAny,NoInAddrAny" if local else ""
        text = CONFIGURATION.format(
            host=host, port=ports[0], loopback=loopback, folder=self.folder, nodes=nodes,
            partitions=PARTITIONS,
        )  # fmt: skip
        (self.folder / "slurm.conf").write_text(text)
        devices = f"{self.folder}/dev/gpu[0-{GPUS - 1}]"
        (self.folder / "gres.conf").write_text(
            f"NodeName={NODES[0]},{NODES[1]} Name=gpu Type=a100 File={devices}\n"
        )
        # Snakemake drops SLURM_CONF before it calls srun in a job, and PATH it passes on.
        for name in CLIENTS:
            wrapper = self.folder / "bin" / name
            program = shutil.which(name, path=_search_path())
            wrapper.write_text(
                f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {program} "$@"\n'
            )
            wrapper.chmod(0o755)
        (self.folder / "env.sh").write_text(
            f'export SLURM_CONF={self.folder}/slurm.conf PATH="{self.folder}/bin:$PATH"\n'
        )

    def _launch(self, name: str, *command: str, **env: str) -> None:
        environment = {**self._quiet(), **env, "CLUSTER": str(self.folder)}
        with (self.folder / f"{name}.out").open("ab") as out:
            process = subprocess.Popen(
                command, env=environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        (self.folder / f"{name}.pid").write_text(str(process.pid))

    def _quiet(self) -> dict[str, str]:
        return {**self.environment, "PATH": _search_path()}

    def _await(self, name: str, ready) -> None:
        try:
            _until(ready, 30)
        except TimeoutError:
            logs = [self.folder / f"{name}.{end}" for end in ("log", "out")]
            text = "\n".join(log.read_text()[-2000:] for log in logs if log.exists())
            raise RuntimeError(f"{name} did not start:\n{text}") from None


def _until(ready, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)


def _search_path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _processes(variables: set[str]) -> set[int]:
    """The processes whose environment holds all of these."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if state != "Z" and variables <= set(environment):
                found.add(int(folder.name))
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("install", help="install what is missing, where that can be done")
    for name in ("up", "down"):
        actions.add_parser(name).add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if arguments.action == "install":
        if missing() and not os.geteuid() and shutil.which("apt-get"):
            install()
        return
    if missing() or os.geteuid():
        sys.exit(f"SLURM and root are needed; missing: {' '.join(missing()) or 'root'}")
    getattr(Cluster(arguments.folder), arguments.action)()


if __name__ == "__main__":
    main()
