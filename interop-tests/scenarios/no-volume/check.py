"""The same without the volume: TCP, and the reason says what is missing"""

# A ZeroMQ client is told by the server itself where to look.
REASON = {"grpc": "not_local_address", "zmq": "server_not_found"}


def check(s):
    client = s.client("client", "server:50051")
    s.expect_socket(client, REASON)
    fallbacks = s.status("client")["fallbacks"]
    assert [f["reason"] for f in fallbacks] == [REASON[s.protocol]], fallbacks
    s.expect_kinds(client)
