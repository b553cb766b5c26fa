"""Two pairs on networks with equal addresses, one rendezvous for all: they never mix"""

# As the protocol calls it: gRPC connects to what the name stands for.
ADDRESS = {"grpc": "10.77.0.2:50051", "zmq": "tcp://server:50051"}


def check(s):
    for service in ("one-a", "one-b", "two-a", "two-b"):
        s.await_exit(service)
    # Each client meets the entries of both servers in random order: new clients, so that either
    # comes first.
    for _ in range(5):
        for name in ("one", "two"):
            client = s.client(f"{name}-client", "server:50051")
            answer = s.expect_shared_memory(client, 10)
            assert answer["servers"] == {name: 10}, f"a client of {name} reached {answer['servers']}"
            assert [d["address"] for d in answer["decisions"]] == [ADDRESS[s.protocol]], answer["decisions"]
            client.close()

    # One server less: its client must not be taken over by the other.
    s.kill("two-server")
    client = s.client("two-client", "server:50051", "--patience=3")
    answer = client.ask("call 1 10")
    assert answer["servers"] == {} and answer["links_opened"] == 0, answer
    s.notes.append("with its server gone a client reaches nobody")
