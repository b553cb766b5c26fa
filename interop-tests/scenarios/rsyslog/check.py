"""rsyslog, a daemon of the distribution that speaks ZeroMQ, under `samehost run`: log lines between two of them"""
PROTOCOLS = ["zmq"]
UP = False
LINES, WIDTH = 5000, 200
WRITE = """perl -e 'printf "%s %06d %s\\n", $ARGV[0], $_, "x" x $ARGV[2] for 1..$ARGV[1]' "$1" "$2" "$3" >> /tmp/lines"""
NETWORK = "awk '/:/ {sum += $10} END {print sum}' /proc/net/dev"


def check(s):
    s.compose("up", "-d")
    carried = hand_over(s, "sender")
    links = s.status("sender")["links"]
    assert [link["protocol"] for link in links] == ["zmq"], links
    assert links[0]["client"]["name"] == "rsyslogd", links
    assert links[0]["client"]["messages_sent"] == LINES, links
    assert links[0]["client"]["bytes_sent"] > LINES * WIDTH, links
    assert carried < LINES * WIDTH / 2, f"the network carried {carried} bytes"
    s.carried.append("shared memory")

    # One without samehost, at the same address at the same time.
    carried = hand_over(s, "stock-sender")
    assert carried > LINES * WIDTH, f"the network carried {carried} bytes"
    assert len(s.status("receiver")["links"]) == 1, s.status("receiver")
    s.carried.append("TCP (stock sender)")
    s.notes.append(f"{LINES} lines each, all there in their order")


def hand_over(s, sender):
    """Until the other daemon has written what this one has read, line by line; the bytes that the network carried."""
    before = int(s.exec(sender, "sh", "-c", NETWORK))
    s.exec(sender, "sh", "-c", WRITE, "sh", sender, str(LINES), str(WIDTH))

    def received():
        text = s.exec("receiver", "sh", "-c", "cat /tmp/received 2>/dev/null || true")
        return [line for line in text.splitlines() if line.split(" ")[0] == sender]

    s.wait_until(lambda: len(received()) >= LINES, f"{LINES} lines of {sender}")
    expected = [f"{sender} {number:06} {'x' * WIDTH}" for number in range(1, LINES + 1)]
    assert received() == expected, "other lines, or in another order"
    return int(s.exec(sender, "sh", "-c", NETWORK)) - before
