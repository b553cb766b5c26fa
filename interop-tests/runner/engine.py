"""Docker and docker-compose, whichever of them this machine has."""
import os
import shutil
import subprocess
import time


class Unusable(Exception):
    """Scenarios cannot be run here; the message says what to do."""


def run(*command, check=True, timeout=600, **more):
    """Runs a command; its stdout. Raises RuntimeError with all that it said when it fails."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout, **more)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n"
                           f"{done.stdout}{done.stderr}")
    return done.stdout


def docker(*arguments, **more):
    return run("docker", *arguments, **more)


def compose_command():
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"]


def answers():
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], capture_output=True).returncode == 0


class Engine:
    """The daemon for the time of a `with`: one that runs, or one that is started and stopped."""

    def __init__(self, root, work):
        self.root, self.work, self.daemon = root, work, None

    def __enter__(self):
        self._install()
        if not answers():
            self._start()
        return self

    def __exit__(self, *exception):
        if self.daemon is not None:
            self.daemon.terminate()
            self.daemon.wait()

    def _install(self):
        packages = []
        if shutil.which("docker") is None or (not answers() and shutil.which("dockerd") is None):
            packages.append("docker.io")
        if compose_command() == ["docker-compose"] and shutil.which("docker-compose") is None:
            packages.append("docker-compose")
        if packages:
            subprocess.run([self.root / "scripts/install-packages", "--", *packages], check=True)

    def _start(self):
        if os.geteuid() != 0:
            raise Unusable("no Docker daemon answers, and only root may start one. Start it (for "
                           "instance: sudo systemctl start docker), or run this as root.")
        log = self.work / "dockerd.log"
        with open(log, "w") as out:
            # A group of its own: what ends this script must not end it first.
            self.daemon = subprocess.Popen(["dockerd"], stdout=out, stderr=out, process_group=0)
        for _ in range(600):
            if answers():
                return
            if self.daemon.poll() is not None:
                break
            time.sleep(0.2)
        self.__exit__()
        said = [line for line in log.read_text().splitlines() if "level=info" not in line]
        raise Unusable("containers cannot be run here: no Docker daemon answers, and dockerd does not start. It needs "
                       "root with all its capabilities, as in a virtual machine or a privileged container. It said:\n  " +
                       "\n  ".join(said[-5:]))
