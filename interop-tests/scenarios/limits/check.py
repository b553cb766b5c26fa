"""64 MiB, half a core, read-only root, tiny /dev/shm, no capabilities, default seccomp profile"""


def check(s):
    client = s.client("client", "server:50051")
    s.expect_shared_memory(client)
    s.expect_kinds(client)
    # Large messages take as much shared memory as they can get, on both sides, for a while.
    answer = s.call(client, 100, 3_000_000)
    assert answer["more"]["messages_sent"] >= 100, answer
    assert answer["more"]["links_opened"] == 0, "the link broke"
    s.expect_shared_memory(client)
    s.expect_unharmed("server", "client")
