"""gRPC's official interop cases, by its own programs under `samehost run`, across containers"""
PROTOCOLS = ["grpc"]
UP = False
CASES = """empty_unary large_unary client_compressed_unary server_compressed_unary client_streaming
client_compressed_streaming server_streaming server_compressed_streaming ping_pong empty_stream
custom_metadata status_code_and_message special_status_message unimplemented_method
unimplemented_service cancel_after_begin cancel_after_first_response timeout_on_sleeping_server
rpc_soak channel_soak""".split()
# Cases whose messages together are larger than this were not carried by the network if it saw less.
LARGE = {"large_unary": 300_000, "client_streaming": 70_000, "server_streaming": 100_000}


def check(s):
    s.compose("up", "-d")
    for pair, before in (("samehost run on both sides", ["samehost", "run", "--verbose", "--"]),
                         ("a stock client", [])):
        for case in CASES:
            command = [*before, "grpc_interop_client", "--server_host=server", "--server_port=50051",
                       f"--test_case={case}", "--soak_iterations=100",
                       "--soak_overall_timeout_seconds=120", "--soak_per_iteration_max_acceptable_latency_ms=60000"]
            sent = network_bytes(s)
            said = s.exec("client", "sh", "-c", '"$@" 2>&1', "sh", *command)
            sent = network_bytes(s) - sent
            if before:
                # This one ends after a millisecond, before there is a connection.
                if case != "timeout_on_sleeping_server":
                    assert ":50051: shared memory" in said, f"{case}: {said}"
                assert sent < LARGE.get(case, sent + 1), f"{case}: the network carried {sent} bytes"
            else:
                assert sent > LARGE.get(case, 0) / 2, f"{case}: the network carried {sent} bytes"
    s.carried.append("shared memory, TCP (stock client)")
    s.notes.append(f"{len(CASES)} cases each")


def network_bytes(s):
    said = s.exec("client", "cat", "/proc/net/dev")
    return sum(int(line.split(":")[1].split()[column]) for line in said.splitlines() if ":" in line
               for column in (0, 8))
