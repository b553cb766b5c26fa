"""The network is cut while shared memory stands, and the rendezvous while TCP does"""


def check(s):
    standing = s.client("client", "server:50051")
    s.expect_shared_memory(standing)
    stock = s.client("client", "server:50051", options=("-e", "SAMEHOST=off"))
    s.expect_socket(stock, {"grpc": "switched_off", "zmq": None})

    # Without the network a link goes on: it needs no network.
    s.network("disconnect", "between", "server")
    assert s.expect_shared_memory(standing)["links_opened"] == 1
    # New connections go where the network says, and it says nothing.
    newcomer = s.client("client", "server:50051", "--patience=3")
    answer = newcomer.ask("call 1 10")
    assert "0" not in answer["statuses"] and answer["links_opened"] == 0, answer
    s.notes.append("without the network a link goes on, new connections fail")

    # The network comes back: whoever waits is served, through shared memory.
    s.network("connect", "between", "server", "--alias", "server")
    newcomer.ask("patience 60")
    s.expect_shared_memory(newcomer)

    # The rendezvous goes: links stand, new connections use TCP. A ZeroMQ server makes a rendezvous for each.
    s.exec("server", "sh", "-c", "rm -r /run/samehost/*")
    assert s.expect_shared_memory(standing)["links_opened"] == 1
    newcomer = s.client("client", "server:50051")
    if s.protocol == "zmq":
        s.expect_shared_memory(newcomer)
    else:
        s.expect_socket(newcomer, "not_local_address")
