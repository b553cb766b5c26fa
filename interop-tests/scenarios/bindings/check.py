"""A binding that knows nothing of samehost (python3-zmq), under `samehost run` on both sides"""
PROTOCOLS = ["zmq"]
UP = False
CALLS, BYTES = 50, 20000


def check(s):
    s.compose("up", "-d")
    s.await_listening("server")
    client = s.peer("client", ["samehost", "run", "--", "python3", "/usr/local/peers/python/zmq_client.py", "server:50051"])
    answer = s.call(client, CALLS, BYTES)
    assert answer["servers"] == {"python": CALLS}, answer
    assert answer["more"]["network_bytes"] < CALLS * BYTES / 2, answer
    links = s.status("client")["links"]
    assert [link["protocol"] for link in links] == ["zmq"], links
    assert links[0]["client"]["messages_sent"] == links[0]["client"]["messages_received"] == CALLS, links
    s.carried.append("shared memory")
    s.expect_kinds(client)
    s.notes.append(f"libzmq {answer['libzmq']}")
