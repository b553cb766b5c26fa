"""A memory cgroup that is nearly full: falls back, and nobody is killed"""


def check(s):
    client = s.client("client", "server:50051")
    s.expect_shared_memory(client)
    newcomer = s.client("client", "server:50051")
    # Something else in the container takes the memory, and holds it until its input ends.
    hog = s.hog("client", leave_bytes=3 << 20)
    s.expect_unharmed("server", "client")
    s.expect_socket(newcomer, "memory_short")
    # The connection that was there has what it needs.
    s.expect_shared_memory(client)
    hog.close()
    s.expect_shared_memory(s.client("client", "server:50051"))
    s.expect_unharmed("server", "client")
