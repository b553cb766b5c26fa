"""Different users: refused with the reason, allowed by the option; the handler sees who it is"""
UP = False


def check(s):
    s.up("server", "open-server", "client", "open-client", "near-client")
    refused(s)
    allowed(s)
    if s.protocol == "zmq":
        s.up("group-server", "root-server", "root-client")
        s.expect_shared_memory(client_that_accepts(s, "client", "group-server:50051"))
        # Root is accepted by all, and accepts nobody.
        s.expect_socket(s.client("root-client", "server:50051"), "we_refused_user")
        s.expect_socket(s.client("client", "root-server:50051"), "peer_refused_user")
    s.up("own-server", "own-near-client")
    # One user, with nothing set.
    answer = s.expect_shared_memory(s.client("client", "own-server:50051"))
    assert answer["peer"] == "samehost:uid=1002,pid=0", answer["peer"]
    expect_process(s, s.client("own-near-client", "localhost:50051"), "own-server")


def client_that_accepts(s, service, target):
    """One that accepts the servers' user, by the option that its protocol's programs have."""
    if s.protocol == "grpc":
        return s.client(service, target, "--allow_user=1001")
    return s.client(service, target, options=("-e", "SAMEHOST_ALLOW_USERS=1001"))


def refused(s):
    # Each side has to accept the other. gRPC's client cannot know that a server that it may not talk to is the one
    # behind the address; ZeroMQ's is told by the server where to look.
    answer = s.expect_socket(s.client("client", "server:50051"), {"grpc": "not_local_address", "zmq": "we_refused_user"})
    if s.protocol == "grpc":
        assert "uid 1001, whom this side does not accept" in answer["decisions"][-1]["detail"], answer
    s.expect_socket(client_that_accepts(s, "client", "server:50051"), "peer_refused_user")
    # In the same network namespace the address is known to be local, and the reason plain.
    s.expect_socket(s.client("near-client", "localhost:50051"), "we_refused_user")


def allowed(s):
    options = ["--allow_user=1001"] if s.protocol == "grpc" else []
    answer = s.expect_shared_memory(s.client("open-client", "open-server:50051", *options))
    properties = answer["peer_properties"]
    assert properties["samehost_peer_uid"] == "1002", properties
    assert properties.get("samehost_peer_gid", "1002") == "1002", properties
    # Another PID namespace: the client's number means nothing here, and 0 says so.
    assert properties["samehost_peer_pid"] == "0", properties
    assert answer["peer"] == "samehost:uid=1002,pid=0", answer["peer"]
    expect_process(s, client_that_accepts(s, "near-client", "localhost:50051"), "open-server")


def expect_process(s, client, server):
    """Shared memory, and the server can see who it is."""
    answer = s.expect_shared_memory(client)
    pid = answer["peer_properties"]["samehost_peer_pid"]
    name = s.exec(server, "cat", f"/proc/{pid}/comm").strip()
    assert f"interop-{s.protocol}-client".startswith(name), f"process {pid} is {name}"
