"""A stock Python client: takes `kinds` and `call COUNT BYTES` from stdin, as programs/zmq_client.cc."""
import json
import sys
import time
from collections import Counter

import zmq

ROUTER, REP, PULL, PUSH, XSUB, XPUB, PAIR = range(7)  # ports: programs/zmq_socket.h
MESSAGES, PATIENCE = 100, 60000
BINARY = b"\0\xff\x01,"
CONTEXT = zmq.Context()


def connect(target, kind, after):
    host, port = target.rsplit(":", 1)
    socket = CONTEXT.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, PATIENCE)
    socket.setsockopt(zmq.SNDTIMEO, PATIENCE)
    socket.connect(f"tcp://{host}:{int(port) + after}")
    return socket


def numbered(number, size=100):
    return [b"%d" % number, b"", BINARY + b"k" * size]


def meet(to, parts, back):
    """Sends until something comes back: a peer may not have come yet."""
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end:
        to.send_multipart(parts)
        if back.poll(100):
            return back.recv_multipart()
    raise zmq.Again()


def after_meeting(socket, met):
    parts = socket.recv_multipart()
    while parts == met:
        parts = socket.recv_multipart()
    return parts


def req_rep(count, size):
    def case(target):
        socket = connect(target, zmq.REQ, REP)
        for i in range(count):
            socket.send_multipart(numbered(i, size))
            if socket.recv_multipart() != numbered(i, size):
                return False
        return True
    return case


def dealer_rep(target):
    socket = connect(target, zmq.DEALER, REP)
    for i in range(MESSAGES):
        socket.send_multipart([b"", b"%d" % i])
    return all(socket.recv_multipart() == [b"", b"%d" % i] for i in range(MESSAGES))


def push_pull(target):
    pull, push = connect(target, zmq.PULL, PUSH), connect(target, zmq.PUSH, PULL)
    for i in range(MESSAGES):
        push.send_multipart(numbered(i))
    return all(pull.recv_multipart() == numbered(i) for i in range(MESSAGES))


def new_topic():
    return b"topic-%d" % time.monotonic_ns()


def publish(topic, publisher, subscriber):
    met = meet(publisher, [topic, b"met"], subscriber)
    for i in range(MESSAGES):
        publisher.send_multipart([b"other", b"%d" % i])
        publisher.send_multipart([topic, b"%d" % i])
    return all(after_meeting(subscriber, met) == [topic, b"%d" % i] for i in range(MESSAGES))


def pub_sub(target):
    subscriber, publisher = connect(target, zmq.SUB, XPUB), connect(target, zmq.PUB, XSUB)
    topic = new_topic()
    subscriber.setsockopt(zmq.SUBSCRIBE, topic)
    return publish(topic, publisher, subscriber)


def xpub_xsub(target):
    publisher, subscriber = connect(target, zmq.XPUB, XSUB), connect(target, zmq.XSUB, XPUB)
    topic = new_topic()
    subscriber.send(b"\1" + topic)
    while publisher.recv() != b"\1" + topic:  # others subscribe as well
        pass
    return publish(topic, publisher, subscriber)


def pair(target):
    socket = connect(target, zmq.PAIR, PAIR)
    met = meet(socket, [b"met"], socket)
    for i in range(MESSAGES):
        socket.send_multipart(numbered(i))
    return all(after_meeting(socket, met) == numbered(i) for i in range(MESSAGES))


CASES = {"req_rep": req_rep(MESSAGES, 100), "req_rep_large": req_rep(3, 1 << 20),
         "dealer_rep": dealer_rep, "push_pull": push_pull, "pub_sub": pub_sub,
         "xpub_xsub": xpub_xsub, "pair": pair}


def verdict(case, target):
    try:
        return "ok" if case(target) else "not as expected"
    except zmq.ZMQError as error:
        return str(error)


def network_bytes():
    with open("/proc/self/net/dev") as devices:
        return sum(int(line.split(":")[1].split()[8]) for line in devices if ":" in line)


def call(socket, count, size):
    statuses, servers, header = Counter(), Counter(), {}
    for serial in range(count):
        payload = b"c" * size
        socket.send_multipart([json.dumps({"serial": serial, "id": ""}).encode(), payload])
        reply, back = socket.recv_multipart()
        header = json.loads(reply)
        assert header["serial"] == serial and back == payload
        statuses["0"] += 1
        servers[header["server"]] += 1
    return {"statuses": statuses, "servers": servers, "peer": header["peer"],
            "peer_properties": header["peer_properties"], "error": ""}


def main():
    target = sys.argv[1]
    socket = connect(target, zmq.DEALER, ROUTER)
    for line in sys.stdin:
        verb, *numbers = line.split()
        answer = {"libzmq": zmq.zmq_version()}
        if verb == "kinds":
            answer["kinds"] = {name: verdict(case, target) for name, case in CASES.items()}
        elif verb == "call":
            answer.update(call(socket, *map(int, numbers)))
        answer["network_bytes"] = network_bytes()
        print(json.dumps(answer), flush=True)


main()
