"""What a scenario's check.py has in its hands: its containers, its clients, and expectations that look at counters."""
import json
import os
import time

from runner.engine import compose_command, docker, run
from runner.peer import Client

CALLS = 50
BYTES = 20000


class Skipped(Exception):
    """Something that the scenario needs is not there."""


class Scenario:
    def __init__(self, name, folder, protocol, logs, missing):
        self.name, self.folder, self.protocol, self.logs = name, folder, protocol, logs
        self.missing = missing  # {image: why it could not be made}
        self.project = f"samehost-{name}-{protocol}".replace("_", "-")
        self.shared = logs / "shared"  # a folder of the host's for unix sockets and files
        self.clients, self.carried, self.notes = [], [], []

    # ---- containers

    def compose(self, *arguments, **more):
        environment = dict(os.environ, PROTOCOL=self.protocol, SHARED=str(self.shared))
        return run(*compose_command(), "-p", self.project, "-f", self.folder / "compose.yaml",
                   *arguments, env=environment, **more)

    def up(self, *services):
        """Starts services (default: all) and waits until their servers listen."""
        self.compose("up", "-d", *services)
        for service in services or self.compose("config", "--services").split():
            if "server" in service:
                self.await_listening(service)

    def await_listening(self, service):
        container = self.container(service)

        def listening():
            state, started = docker("inspect", "-f", "{{.State.Running}} {{.State.StartedAt}}",
                                    container).split()
            assert state == "true", f"{service} has ended:\n{docker('logs', container)}"
            return '"listening"' in docker("logs", "--since", started, container)

        self.wait_until(listening, f"{service} listens")

    def down(self):
        for client in self.clients:
            client.close()
        self.compose("down", "-v", "-t", "0", "--remove-orphans")

    def container(self, service):
        found = docker("ps", "-a", "-q", "--filter", f"label=com.docker.compose.project={self.project}",
                       "--filter", f"label=com.docker.compose.service={service}").split()
        assert len(found) == 1, f"{service}: {len(found)} containers"
        return found[0]

    def kill(self, service, signal="KILL"):
        docker("kill", "-s", signal, self.container(service))
        docker("wait", self.container(service))

    def start(self, service):
        docker("start", self.container(service))
        self.await_listening(service)

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
        """A client that lives until the end of the scenario. kind: "", "stock"."""
        program = "-".join(filter(None, ["interop", self.protocol, kind, "client"]))
        return self.peer(service, [program, f"--target={target}", *flags], options)

    def peer(self, service, command, options=()):
        log = self.logs / f"client-{len(self.clients)}.log"
        client = Client(self.container(service), command, log, options)
        self.clients.append(client)
        return client

    def need(self, image):
        if image in self.missing:
            raise Skipped(self.missing[image])

    # ---- expectations

    def call(self, client, count=CALLS, size=BYTES):
        """Calls, all of which must succeed; the answer with what the counters grew by in `more`."""
        answer = client.ask(f"call {count} {size}")
        assert answer["statuses"] == {"0": count}, f"{answer['statuses']} {answer['error']}"
        before = client.last
        answer["more"] = {name: answer[name] - before[name] for name in answer
                          if isinstance(answer[name], int) and isinstance(before.get(name), int)}
        client.last = answer
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
        """Calls go through a socket; `reason`: the FallbackReason of the latest decision, None for
        a client without samehost."""
        answer = self.call(client, count)
        more = answer["more"]
        assert more.get("messages_sent", 0) == 0, f"shared memory carried {more['messages_sent']} messages"
        assert answer.get("links_live", 0) == 0, answer
        assert not answer["peer"].startswith("samehost:"), answer["peer"]
        kind = answer["peer"].split(":")[0]
        if network_is_ours and kind != "unix":
            assert more["network_bytes"] > count * BYTES, f"the network carried {more['network_bytes']} bytes"
        if reason is not None:
            reasons = {decision["reason"] for decision in answer["decisions"].values()}
            assert reason in reasons, f"expected {reason}: {answer['decisions']}"
            assert "none" not in reasons, answer["decisions"]
        socket = "unix socket" if kind == "unix" else "TCP"
        self.carried.append(f"{socket} ({reason or 'stock client'})")
        return answer

    def expect_kinds(self, client):
        kinds = client.ask("kinds")["kinds"]
        wrong = {case: said for case, said in kinds.items() if said != "ok"}
        assert not wrong and kinds, wrong
        client.last = client.ask("counters")

    def wait_until(self, condition, what, timeout=180):
        """No bound on how long it may take; only against waiting for ever."""
        end = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < end, f"not within {timeout} s: {what}"
            time.sleep(0.1)
