"""Container and host, both ways: addresses of their own, a published port, unix sockets in a volume"""
UP = False
# Of the containers. The host's programs are root's.
USER = "1000"


def check(s):
    s.need_root("the host's side of the rendezvous must be root's")
    rendezvous = s.shared / "rendezvous"
    rendezvous.mkdir()
    rendezvous.chmod(0o1777)
    s.up()
    published, port = s.free_ports
    address = s.address("server")

    # From the host.
    s.expect_shared_memory(s.host_client(f"unix:{s.shared}/server.sock", rendezvous), network_is_ours=False)
    s.expect_shared_memory(s.host_client(f"{address}:50051", rendezvous), network_is_ours=False)
    # The published port leads to `server`, whatever else offers that number.
    for target, reason in ((f"127.0.0.1:{published}", "other_namespace"),
                           (f"{s.gateway('server')}:{published}", "server_not_found")):
        expect_server(s, s.host_client(target, rendezvous), reason, network_is_ours=False)
    # From a container.
    expect_server(s, s.client("client", f"the-host:{published}"), "not_local_address")

    s.host_server(rendezvous, f"--listen=0.0.0.0:{port}", f"--listen=unix:{s.shared}/host.sock", "--name=host", "--allow_user=1000")
    for target in (f"the-host:{port}", "unix:/shared/host.sock"):
        answer = s.expect_shared_memory(s.client("client", target))
        assert answer["servers"] == {"host": 50}, answer["servers"]
        assert answer["peer_properties"]["samehost_peer_uid"] == USER, answer["peer_properties"]


def expect_server(s, client, reason, **more):
    """Through the published port. gRPC finds servers by address, and this one is not the server's own; a ZeroMQ
    server says over the connection itself where to find it."""
    if s.protocol == "zmq":
        answer = s.expect_shared_memory(client, **more)
    else:
        answer = s.expect_socket(client, reason, **more)
    assert answer["servers"] == {"server": 50}, f"{client.command} led to {answer['servers']}"
