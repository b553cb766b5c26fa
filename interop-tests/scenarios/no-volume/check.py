"""The same without the volume: TCP, and the reason says what is missing"""


def check(s):
    client = s.client("client", "server:50051")
    s.expect_socket(client, "not_local_address")
    s.expect_kinds(client)
    fallbacks = s.status("client")["fallbacks"]
    assert [f["reason"] for f in fallbacks] == ["not_local_address"], fallbacks
