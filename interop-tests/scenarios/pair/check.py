"""Two containers on a network, a shared volume: shared memory through the service's name"""


def check(s):
    client = s.client("client", "server:50051")
    answer = s.expect_shared_memory(client)
    assert answer["servers"] == {"server": 50}, answer["servers"]

    # The same, seen from the server's side.
    links = s.status("server")["links"]
    assert len(links) == 1, links
    assert links[0]["protocol"] == s.protocol, links
    assert links[0]["server"]["messages_received"] >= 50, links
    s.expect_kinds(client)
