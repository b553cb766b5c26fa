"""Different users: refused with the reason, allowed by the option; the handler sees who it is"""


def check(s):
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

    near = s.client("near-client", "localhost:50051", "--allow_user=1001")
    answer = s.expect_shared_memory(near)
    pid = answer["peer_properties"]["samehost_peer_pid"]
    name = s.exec("open-server", "cat", f"/proc/{pid}/comm").strip()
    assert f"interop-{s.protocol}-client".startswith(name), f"process {pid} is {name}"
