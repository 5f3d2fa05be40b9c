"""Where slots run: a Ray of this process alone, or a cluster that is there.

A Ray that anybody reaches runs anybody's code, and some of its ports are open on all addresses: so
none is started or joined without token authentication. Telemetry and dashboard are off.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kavc.errors import ConfigError, KavcError

MODE, TOKEN, TOKEN_FILE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
OPTIONS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # who is given no GPU sees what this process sees
    "RAY_DISABLE_IMPORT_WARNING": "1",
    # Seconds for its first process to begin, 30 else: its files may lie on a slow disk, or cold.
    "RAY_gcs_server_port_wait_time_s": "120",
}
QUIET = {"log_to_driver": False, "logging_level": "CRITICAL"}
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
STORE_BYTES = 80 * 2**20  # Ray takes no less; jobs and results are small
FOLDER = "kavc-ray-"
LONGEST_PLACE = 27  # characters: a socket's path has 107, of which Ray takes 80
YOUNG = 60.0  # seconds for which a folder may have no lock yet
ENDING = 10.0  # seconds that Ray's processes may take to end
ANSWER = 5.0  # seconds within which a cluster must answer
ASK = "/ray.rpc.NodeInfoGcsService/GetClusterId"  # of a cluster's head, with an empty message

Shares = tuple[dict[str, float], dict[str, str]]


class Local:
    """A Ray that this process starts and ends, on this machine.

    Args:
        slots: for how many processes.
        gpus: names of the GPUs that they share, dealt out evenly; none if empty.

    Raises:
        ConfigError: Ray is not installed, its authentication is switched off, or a GPU isn't there.

    Example:
        with Local(slots=2).running() as ray:
            print(ray.cluster_resources()["CPU"])  # 2.0
    """

    def __init__(self, slots: int, gpus: Sequence[str] = ()):
        _check_installed()
        if os.environ.get(MODE, "token").lower() != "token":
            raise ConfigError(
                f"{MODE} is {os.environ[MODE]!r}: others could run code on this machine; unset it"
            )
        self.gpus = [gpu.strip() for gpu in gpus]
        _check_gpus(self.gpus)
        self.slots = slots

    @contextlib.contextmanager
    def running(self) -> Iterator[Any]:
        """Yields the package, started, for the time of a block."""
        own = OPTIONS | {MODE: "token", TOKEN: secrets.token_hex(32)}
        if self.gpus:
            own["CUDA_VISIBLE_DEVICES"] = ",".join(self.gpus)
        with _environment(own), _folder() as folder:
            options: dict[str, Any] = {
                "address": "local",  # whatever RAY_ADDRESS says
                "num_cpus": self.slots,
                "num_gpus": len(self.gpus),
                "object_store_memory": STORE_BYTES,
                "include_dashboard": False,
                "_node_ip_address": "127.0.0.1",
                "_temp_dir": str(folder),
            }
            with _initialised(**options) as ray:
                yield ray

    def shares(self, ray: Any, slots: int) -> Shares:
        """Returns what Ray reserves for each slot, and the environment that keeps it to that.

        Example:
            reserved, _ = Local(4, gpus=["0", "1"]).shares(ray, 4)
            reserved  # half a GPU each: {"num_cpus": 1, "num_gpus": 0.5}
        """
        del ray
        threads = max(1, len(os.sched_getaffinity(0)) // slots)
        # The share of the fullest GPU: a process can't have parts of two.
        share = 1 / -(-slots // len(self.gpus)) if self.gpus else 0.0
        return {"num_cpus": 1, "num_gpus": share}, _threads(threads)


class Cluster:
    """A cluster that is there, whose head and nodes others have started.

    Args:
        address: "HOST:PORT" of its head.

    Raises:
        ConfigError: Ray is not installed, or the cluster has another token, or asks for none.
        KavcError: nobody answers.

    Example:
        with Cluster("head.example:6379").running() as ray:
            print(ray.cluster_resources())
    """

    def __init__(self, address: str):
        _check_installed()
        self.address = address
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise ConfigError(f"cluster {address!r}: expected HOST:PORT, as head.example:6379")
        self.token = _token()
        if self.token is None or os.environ.get(MODE, "token").lower() != "token":
            raise ConfigError(
                f"a cluster is joined with its token alone: set {MODE}=token, and the token in"
                f" {TOKEN}, in a file that {TOKEN_FILE} names, or in ~/.ray/auth_token"
            )
        if os.environ.get("RAY_USE_TLS", "0") != "1":  # else only who has its certificates can ask
            _check_guarded(address, self.token)

    @contextlib.contextmanager
    def running(self) -> Iterator[Any]:
        """Yields the package, joined, for the time of a block."""
        own = OPTIONS | {MODE: "token", TOKEN: self.token or ""}
        with _environment(own), _initialised(address=self.address) as ray:
            yield ray

    def shares(self, ray: Any, slots: int) -> Shares:
        """Returns what Ray reserves for each slot, and the environment that keeps it to that.

        Raises:
            ConfigError: the cluster has no room for all slots; some would wait for ever.
        """
        total = ray.cluster_resources()
        for name in {"CPU", "GPU"} & set(total):
            if total[name] < slots:
                raise ConfigError(
                    f"cluster {self.address}: has {total[name]:g} {name}s, one for each of {slots}"
                    f" workers is needed; ask for {max(1, int(total[name]))} or add nodes"
                )
        nodes = sum(node["Alive"] for node in ray.nodes())
        threads = max(1, int(total.get("CPU", 1) / nodes // -(-slots // nodes)))
        return {"num_cpus": 1, "num_gpus": float("GPU" in total)}, _threads(threads)


@contextlib.contextmanager
def _initialised(**options: Any) -> Iterator[Any]:
    import ray

    if ray.is_initialized():  # a user's own, which is not ours to end
        raise ConfigError("Ray is in use in this process already; call ray.shutdown() first")
    with _silence():
        try:
            ray.init(**options, **QUIET)
        except Exception as error:
            ray.shutdown()
            line = " ".join(str(error).split())
            raise KavcError(f"Ray can't be started or joined: {line}") from None
        try:
            yield ray
        finally:
            ray.shutdown()


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keeps Ray from printing on standard output who dies: that is this program's to say."""
    from ray._private import worker  # it has no option for that

    before = worker.print_to_stdstream
    worker.print_to_stdstream = lambda data, ignore_prefix: None
    try:
        yield
    finally:
        worker.print_to_stdstream = before


def _check_installed() -> None:
    if importlib.util.find_spec("ray") is None:
        raise ConfigError("several processes need Ray: pip install 'kavc[cluster]'")


def _check_guarded(address: str, token: str) -> None:
    """Raises unless a head answers those who know its token, and nobody else."""
    import grpc

    def ask(metadata: Sequence[tuple[str, str]]) -> grpc.StatusCode:
        with grpc.insecure_channel(address) as channel:
            try:
                channel.unary_unary(ASK)(b"", timeout=ANSWER, metadata=metadata)
            except grpc.RpcError as error:
                return error.code()
        return grpc.StatusCode.OK

    without = ask([])
    if without == grpc.StatusCode.OK:
        raise ConfigError(
            f"cluster {address}: answers without a token, so that anybody who reaches it runs code"
            f" there; start its head and nodes with {MODE}=token"
        )
    if without != grpc.StatusCode.UNAUTHENTICATED:
        raise KavcError(
            f"cluster {address}: no head of Ray answers there within {ANSWER:g} s; give HOST:PORT"
            " as `ray start --head` prints it"
        )
    if ask([("authorization", f"Bearer {token}")]) != grpc.StatusCode.OK:
        raise ConfigError(f"cluster {address}: has another token than this process ({TOKEN})")


def _token() -> str | None:
    """Returns the token that Ray would use."""
    if os.environ.get(TOKEN):
        return os.environ[TOKEN].strip()
    file = Path(os.environ.get(TOKEN_FILE) or "~/.ray/auth_token").expanduser()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return file.read_text().strip() or None
    return None


def _check_gpus(gpus: Sequence[str]) -> None:
    there = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    for gpu in gpus:
        if not gpu:
            raise ConfigError(f"GPUs {','.join(gpus)!r}: one has no name; name them as 0,1")
        if gpu.isdecimal() and gpu not in there:
            raise ConfigError(f"GPU {gpu!r} isn't there; this machine has {len(there)}")


def _threads(count: int) -> dict[str, str]:
    return {name: os.environ.get(name, str(count)) for name in THREADS}


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Yields a folder for Ray's files and sockets; removes those of processes that were killed."""
    place = Path(tempfile.gettempdir())
    place = place if len(str(place)) <= LONGEST_PLACE else Path("/tmp")
    for left in place.glob(f"{FOLDER}*"):
        with contextlib.suppress(OSError), _locked(left):
            if time.time() - left.stat().st_mtime > YOUNG:
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=FOLDER, dir=place))
    try:
        with _locked(folder):
            yield folder
    finally:
        until = time.monotonic() + ENDING
        while folder.exists() and time.monotonic() < until:  # Ray's last processes write on
            shutil.rmtree(folder, ignore_errors=True)
            time.sleep(0.05)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds a folder for this process; the lock dies with it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
