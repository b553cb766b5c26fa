"""A client program, inside a container or on the host."""
import json
import pathlib
import queue
import subprocess
import threading


def in_container(container, command, options=()):
    return ["docker", "exec", "-i", *options, container, *command]


class Client:
    """Takes lines of commands and answers each with a line of JSON (programs/grpc_client.cc)."""

    def __init__(self, command, log, environment=None):
        self.command = command
        self.log = open(log, "a")
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True, bufsize=1)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.ask("counters")  # it runs

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def ask(self, line):
        self.send(line)
        return self.answer()

    def send(self, line):
        self.process.stdin.write(line + "\n")

    def answer(self, timeout=240):
        try:
            line = self.lines.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"{self.command} has not answered for {timeout} s") from None
        if not line:
            raise AssertionError(f"{self.command} has ended ({self.process.wait()}); see {self.log.name}")
        self.log.write(line)
        self.log.flush()
        return json.loads(line)

    def said(self):
        """All that it has written to stderr, and its answers."""
        return pathlib.Path(self.log.name).read_text()

    def end_input(self):
        if not self.process.stdin.closed:
            self.process.stdin.close()

    def close(self, timeout=60):
        """Until it has ended by itself, in an orderly way."""
        self.end_input()
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command} has not ended for {timeout} s") from None
        assert code == 0, f"{self.command} has ended with {code}; see {self.log.name}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
