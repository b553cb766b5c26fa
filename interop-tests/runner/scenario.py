"""What a scenario's check.py has in its hands: its containers, its clients, and expectations that look at counters."""
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time

from runner.engine import compose_command, docker, run
from runner.peer import Client, in_container

CALLS = 50
BYTES = 20000


# Limit, use and what of it is cache, of a memory cgroup of either version.
MEMORY_LEFT = """cd /sys/fs/cgroup
if [ -e memory.max ]; then cat memory.max memory.current; grep '^inactive_file ' memory.stat
else cd memory; cat memory.limit_in_bytes memory.usage_in_bytes; grep '^total_inactive_file ' memory.stat; fi"""
KILL_PROGRAM = """for process in /proc/[0-9]*; do
  [ "$(readlink "$process/exe")" != "$1" ] || kill -KILL "${process#/proc/}"
done"""
LISTENING = '"listening"'
HOG = """vec(my $memory, $ARGV[0], 8) = 1; $| = 1; while (<STDIN>) { print "{}\\n" }"""


# As built; images have them in /usr/local/bin.
PROGRAMS = pathlib.Path(__file__).resolve().parents[2] / "build/release/interop-tests/programs"


# A server listens on its port and, for ZeroMQ's patterns, on some after it.
PORTS_IN_A_ROW = 8


def is_free(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) != 0


def free_ports(count):
    """First ports of so many rows of free ones, below those that the kernel gives out by itself."""
    rows = random.sample(range(20000, 32000, PORTS_IN_A_ROW), 200)
    free = (row for row in rows if all(is_free(row + i) for i in range(PORTS_IN_A_ROW)))
    return list(itertools.islice(free, count))


class Skipped(Exception):
    """Something that the scenario needs is not there."""


class Scenario:
    def __init__(self, name, folder, protocol, logs, missing):
        self.name, self.folder, self.protocol, self.logs = name, folder, protocol, logs
        self.missing = missing  # {image: why it could not be made}
        self.project = f"samehost-{name}-{protocol}".replace("_", "-")
        # A folder of the host's for sockets (hence a short path) and files.
        self.shared = pathlib.Path(tempfile.mkdtemp(prefix="samehost-"))
        self.shared.chmod(0o1777)
        # The programs that can claim to speak other versions.
        self.versions = {"zmq": "zmq-versions"}.get(protocol, protocol)
        self.variables = {"VERSIONS": self.versions}  # of compose.yaml
        self.clients, self.host_servers, self.carried, self.notes = [], [], [], []
        self.free_ports = free_ports(2)  # of the host

    # ---- containers

    def compose(self, *arguments, **more):
        environment = dict(os.environ, PROTOCOL=self.protocol, SHARED=str(self.shared))
        environment.update(self.variables)
        for number, port in enumerate(self.free_ports, 1):
            environment[f"FREE_PORT_{number}"] = str(port)
        return run(*compose_command(), "-p", self.project, "-f", self.folder / "compose.yaml",
                   *arguments, env=environment, **more)

    def up(self, *services):
        """Starts services (default: all) and waits until their servers listen."""
        self.compose("up", "-d", *services)
        for service in services or self.compose("config", "--services").split():
            if "server" in service:
                self.await_listening(service)

    def await_listening(self, service, times=1):
        """Until a server has said so many times, over its restarts, that it listens."""
        container = self.container(service)

        def listening():
            running = docker("inspect", "-f", "{{.State.Running}}", container).strip()
            said = docker("logs", container)
            assert running == "true" or said.count(LISTENING) >= times, f"{service} has ended:\n{said}"
            return said.count(LISTENING) >= times

        self.wait_until(listening, f"{service} listens")

    def end_clients(self):
        for client in self.clients:
            client.end_input()
        for client in self.clients:
            client.close()

    def down(self):
        for client in self.clients:
            client.kill()
        for server in self.host_servers:
            server.kill()
            server.wait()
        self.compose("down", "-v", "-t", "0", "--remove-orphans")
        shutil.rmtree(self.shared)

    def container(self, service):
        found = docker("ps", "-a", "-q", "--filter", f"label=com.docker.compose.project={self.project}",
                       "--filter", f"label=com.docker.compose.service={service}").split()
        assert len(found) == 1, f"{service}: {len(found)} containers"
        return found[0]

    def kill(self, service, signal="KILL"):
        docker("kill", "-s", signal, self.container(service))
        docker("wait", self.container(service))

    def kill_program(self, service, program):
        """Kills a program in a container that goes on, and starts it again."""
        before = docker("logs", self.container(service)).count(LISTENING)
        self.exec(service, "sh", "-c", KILL_PROGRAM, "sh", f"/usr/local/bin/{program}")
        self.await_listening(service, before + 1)

    def start(self, service):
        before = docker("logs", self.container(service)).count(LISTENING)
        docker("start", self.container(service))
        self.await_listening(service, before + 1)

    def await_exit(self, service):
        """Until a service's only command has succeeded."""
        code = docker("wait", self.container(service)).strip()
        assert code == "0", f"{service} ended with {code}:\n{self.compose('logs', service)}"

    def exists(self, service):
        return bool(docker("ps", "-a", "-q", "--filter", f"label=com.docker.compose.project={self.project}",
                           "--filter", f"label=com.docker.compose.service={service}").strip())

    def exec(self, service, *command, options=()):
        return docker("exec", *options, self.container(service), *command)

    def network(self, verb, network, service, *options):
        """verb: connect, disconnect."""
        docker("network", verb, *options, f"{self.project}_{network}", self.container(service))

    def status(self, service):
        """`samehost status --json` inside a container."""
        return json.loads(self.exec(service, "samehost", "status", "--json"))

    def collect_logs(self):
        (self.logs / "compose.log").write_text(self.compose("logs", "--no-color", check=False))
        for line in docker("ps", "--filter", f"label=com.docker.compose.project={self.project}",
                           "--format", "{{.ID}} {{.Names}}").splitlines():
            container, name = line.split()
            said = docker("exec", container, "samehost", "status", "--json", check=False)
            (self.logs / f"{name}.status.json").write_text(said)

    # ---- clients

    def client(self, service, target, *flags, kind="", options=()):
        """A client that lives until the end of the scenario; kind: of program, this protocol's."""
        program = f"interop-{kind or self.protocol}-client"
        return self.peer(service, [program, f"--target={target}", *flags], options)

    def peer(self, service, command, options=()):
        return self._add(in_container(self.container(service), command, options))

    def _add(self, command, environment=None):
        client = Client(command, self.logs / f"client-{len(self.clients)}.log", environment)
        self.clients.append(client)
        return client

    # ---- on the host

    def _host_program(self, side):
        return str(PROGRAMS / f"interop-{self.protocol}-{side}")

    @staticmethod
    def _host_environment(rendezvous):
        # Root accepts nobody but root unless it is told to: here for ZeroMQ, for gRPC by a flag.
        return dict(os.environ, SAMEHOST_DIR=str(rendezvous), SAMEHOST_ZMQ="ipc,tcp", SAMEHOST_ALLOW_USERS="1000")

    def host_client(self, target, rendezvous):
        return self._add([self._host_program("client"), f"--target={target}", "--allow_user=1000"],
                         self._host_environment(rendezvous))

    def host_server(self, rendezvous, *flags):
        log = self.logs / "host-server.log"
        with open(log, "w") as out:
            # Any user may connect to its sockets.
            self.host_servers.append(subprocess.Popen(
                [self._host_program("server"), *flags], stdout=out, stderr=out, umask=0,
                env=self._host_environment(rendezvous)))
        self.wait_until(lambda: LISTENING in log.read_text(), "the host's server listens")

    def address(self, service):
        return self._inspect_network(service, "IPAddress")

    def gateway(self, service):
        return self._inspect_network(service, "Gateway")

    def _inspect_network(self, service, field):
        return docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.%s}}{{end}}" % field,
                      self.container(service)).strip()

    def need_root(self, why):
        if os.geteuid() != 0:
            raise Skipped(why)

    def need(self, image):
        if image in self.missing:
            raise Skipped(self.missing[image])

    # ---- expectations

    def call(self, client, count=CALLS, size=BYTES):
        """Calls, all of which must succeed; the answer with what the counters grew by in `more`."""
        before = client.ask("counters")
        answer = client.ask(f"call {count} {size}")
        assert answer["statuses"] == {"0": count}, f"{answer['statuses']} {answer['error']}"
        answer["more"] = {name: answer[name] - before[name] for name in answer
                          if isinstance(answer[name], int) and isinstance(before.get(name), int)}
        return answer

    def expect_shared_memory(self, client, count=CALLS, network_is_ours=True):
        """Calls go through shared memory: the client's counters, the server's word on its peer,
        and the network's own counters say so."""
        answer = self.call(client, count)
        more = answer["more"]
        assert more["messages_sent"] >= count, f"shared memory carried {more['messages_sent']} messages: {answer}"
        assert more["messages_received"] >= count, answer
        assert more["bytes_sent"] >= count * BYTES, answer
        assert answer["links_live"] >= 1, answer
        assert answer["peer"].startswith("samehost:"), answer["peer"]
        if network_is_ours:
            assert more["network_bytes"] < count * BYTES / 2, f"the network carried {more['network_bytes']} bytes"
        self.carried.append("shared memory")
        return answer

    def expect_socket(self, client, reason, count=CALLS, network_is_ours=True):
        """Calls go through a socket; `reason`: the FallbackReason of the latest decision, None
        where nobody decided anything: one side does not offer shared memory; {protocol: reason} where they differ."""
        if isinstance(reason, dict):
            reason = reason[self.protocol]
        answer = self.call(client, count)
        more = answer["more"]
        assert more.get("messages_sent", 0) == 0, f"shared memory carried {more['messages_sent']} messages"
        assert answer.get("links_live", 0) == 0, answer
        assert not answer["peer"].startswith("samehost:"), answer["peer"]
        kind = answer["peer"].split(":")[0]
        if network_is_ours and kind != "unix":
            assert more["network_bytes"] > count * BYTES, f"the network carried {more['network_bytes']} bytes"
        if reason is not None:
            # A ZeroMQ client shows its decisions in shared memory; where that is short it only logs them.
            reasons = ([decision["reason"] for decision in answer["decisions"]] or
                       re.findall(r"socket, because (\w+)", client.said()))
            assert reasons[-1:] == [reason], f"expected {reason}: {answer['decisions']} {reasons}"
        socket = "unix socket" if kind == "unix" else "TCP"
        self.carried.append(f"{socket} ({reason or 'not offered by both'})")
        return answer

    def expect_kinds(self, client):
        kinds = client.ask("kinds")["kinds"]
        wrong = {case: said for case, said in kinds.items() if said != "ok"}
        assert not wrong and kinds, wrong

    def settle(self, client, server):
        """Until this server answers the client's calls."""
        def answered():
            return client.ask("call 1 10")["servers"] == {server: 1}

        self.wait_until(answered, f"{server} answers")

    def settle_background(self, client, server, shared):
        """Until the calls that go on in the background reach this server, the one way or the other."""
        before = client.ask("tally")

        def advanced():
            now = client.ask("tally")
            calls = now["servers"].get(server, 0) - before["servers"].get(server, 0)
            through_memory = now["messages_sent"] - before["messages_sent"]
            return calls >= 50 and (through_memory >= 50 if shared else now["links_live"] == 0)

        self.wait_until(advanced, f"{server} answers the calls in the background")

    def expect_unharmed(self, *services):
        """Nothing was killed for want of memory, or by a signal."""
        for service in services:
            state = json.loads(docker("inspect", "-f", "{{json .State}}", self.container(service)))
            assert state["Running"] and not state["OOMKilled"], f"{service}: {state}"
        for client in self.clients:
            assert client.process.returncode in (None, 0), f"{client.command}: {client.process.returncode}"

    def hog(self, service, leave_bytes):
        """A process that takes the memory of a container's cgroup, but for so much; close() ends it."""
        text = self.exec(service, "sh", "-c", MEMORY_LEFT)
        limit, used, cache = (int(line.split()[-1]) for line in text.splitlines())
        take = limit - used + cache - leave_bytes
        return self.peer(service, ["perl", "-e", HOG, str(take)])

    def wait_until(self, condition, what, timeout=180):
        """No bound on how long it may take; only against waiting for ever."""
        end = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < end, f"not within {timeout} s: {what}"
            time.sleep(0.1)
