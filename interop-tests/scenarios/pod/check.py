"""Two containers in one network namespace, as in a pod: shared memory over loopback addresses"""


def check(s):
    for target in ("127.0.0.1:50051", "localhost:50051"):
        s.expect_shared_memory(s.client("client", target))
