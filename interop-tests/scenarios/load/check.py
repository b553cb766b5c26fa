"""20 clients, 3 servers behind one name, one of them killed every few seconds for a minute"""
import time

CLIENTS, SERVERS, SECONDS = 20, ["server-1", "server-2", "server-3"], 60
ALLOWED_GROWTH = 16 << 20


def check(s):
    clients = [s.client("client", "service:50051", "--round_robin", f"--name=client-{i}",
                        f"--journal=/shared/client-{i}") for i in range(CLIENTS)]
    for client in clients:
        client.ask("start 1 10")
    everywhere(s, clients)
    first = [client.ask("tally") for client in clients]

    kills, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        opened = [client.ask("counters")["links_opened"] for client in clients]
        s.kill_program(SERVERS[kills % len(SERVERS)], f"interop-{s.protocol}-server")
        kills += 1
        everywhere(s, clients, opened)
        time.sleep(1)  # of load on all three

    totals = {}
    for client, before in zip(clients, first):
        last = client.ask("stop")
        for code, count in last["statuses"].items():
            totals[code] = totals.get(code, 0) + count
        # One call at a time: each kill can take one.
        assert last["statuses"].get("14", 0) <= kills, last["statuses"]
        grown = last["resident_bytes"] - before["resident_bytes"]
        assert grown < ALLOWED_GROWTH, f"a client grew by {grown} bytes"
        assert last["messages_sent"] >= last["statuses"]["0"], last
    assert set(totals) <= {"0", "14"}, totals
    for client, before in zip(clients, first):
        s.wait_until(lambda: client.ask("counters")["descriptors"] <= before["descriptors"],
                     "a client has no more descriptors than at first")

    acknowledged = [line for i in range(CLIENTS) for line in lines(s, f"client-{i}")]
    done = [line for server in SERVERS for line in lines(s, server)]
    assert len(acknowledged) == totals["0"], f"{len(acknowledged)} of {totals['0']}"
    lost = set(acknowledged) - set(done)
    assert not lost, f"{len(lost)} acknowledged calls are in no server's journal: {sorted(lost)[:5]}"
    assert len(done) == len(set(done)), "a call was served twice"
    s.carried.append("shared memory")
    s.notes.append(f"{totals['0']} calls acknowledged, all there; {totals.get('14', 0)} under way when "
                   f"{kills} servers were killed")


def everywhere(s, clients, opened=(0,) * CLIENTS):
    """Until every client has a link to each of the servers, and has opened one since."""
    for client, before in zip(clients, opened):
        def linked():
            counters = client.ask("counters")
            return counters["links_live"] == len(SERVERS) and counters["links_opened"] > before

        s.wait_until(linked, "links to all servers")


def lines(s, name):
    return (s.shared / name).read_text().splitlines()
