"""Different users: refused with the reason, allowed by the option; the handler sees who it is"""
UP = False


def check(s):
    {"grpc": check_grpc, "zmq": check_zmq}[s.protocol](s)


def check_zmq(s):
    """ZeroMQ has no option to accept other users."""
    s.up("server", "root-server", "own-server", "client", "root-client", "own-near-client")
    s.expect_socket(s.client("client", "server:50051"), "we_refused_user")
    s.expect_socket(s.client("root-client", "server:50051"), "we_refused_user")
    s.expect_socket(s.client("client", "root-server:50051"), "peer_refused_user")
    # Another PID namespace: the client's number means nothing here, and 0 says so.
    answer = s.expect_shared_memory(s.client("client", "own-server:50051"))
    assert answer["peer"] == "samehost:uid=1002,pid=0", answer["peer"]
    expect_process(s, s.client("own-near-client", "localhost:50051"), "own-server")


def check_grpc(s):
    s.up("server", "open-server", "client", "near-client")
    # Each side has to accept the other.
    answer = s.expect_socket(s.client("client", "server:50051"), "not_local_address")
    assert "uid 1001, whom this side does not accept" in answer["decisions"][-1]["detail"], answer
    s.expect_socket(s.client("client", "server:50051", "--allow_user=1001"), "peer_refused_user")
    # In the same network namespace the address is known to be local, and the reason plain.
    s.expect_socket(s.client("near-client", "localhost:50051"), "we_refused_user")

    answer = s.expect_shared_memory(s.client("client", "open-server:50051", "--allow_user=1001"))
    properties = answer["peer_properties"]
    assert properties["samehost_peer_uid"] == "1002", properties
    assert properties["samehost_peer_gid"] == "1002", properties
    # Another PID namespace: the client's number means nothing here, and 0 says so.
    assert properties["samehost_peer_pid"] == "0", properties
    assert answer["peer"] == "samehost:uid=1002,pid=0", answer["peer"]

    expect_process(s, s.client("near-client", "localhost:50051", "--allow_user=1001"), "open-server")


def expect_process(s, client, server):
    """Shared memory, and the server can see who it is."""
    answer = s.expect_shared_memory(client)
    pid = answer["peer_properties"]["samehost_peer_pid"]
    name = s.exec(server, "cat", f"/proc/{pid}/comm").strip()
    assert f"interop-{s.protocol}-client".startswith(name), f"process {pid} is {name}"
