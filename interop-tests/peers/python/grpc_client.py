"""A stock Python client: takes `kinds` and `call COUNT BYTES` from stdin, as programs/grpc_client.cc."""
import json
import sys
from collections import Counter

import grpc

import interop_pb2 as messages

METHOD = "/samehost.interop.Interop/"
BOTH = dict(request_serializer=messages.Request.SerializeToString,
            response_deserializer=messages.Reply.FromString)
TEXT, DATA, ERROR = "as it was", b"\0\xff\x01,", "na\u00efve \u2713, and 100%"
MESSAGES, PATIENCE = 5, dict(timeout=60, wait_for_ready=True)


def unary_of(size):
    def case(channel):
        payload = b"u" * size
        return channel.unary_unary(METHOD + "Unary", **BOTH)(
            messages.Request(payload=payload), **PATIENCE).payload == payload
    return case


def client_stream(channel):
    requests = (messages.Request() for _ in range(MESSAGES))
    return channel.stream_unary(METHOD + "ClientStream", **BOTH)(requests, **PATIENCE).number == MESSAGES


def server_stream(channel):
    replies = channel.unary_stream(METHOD + "ServerStream", **BOTH)(
        messages.Request(replies=MESSAGES), **PATIENCE)
    return [reply.number for reply in replies] == list(range(1, MESSAGES + 1))


def bidi_stream(channel):
    replies = channel.stream_stream(METHOD + "BidiStream", **BOTH)(
        (messages.Request() for _ in range(MESSAGES)), **PATIENCE)
    return [reply.number for reply in replies] == list(range(1, MESSAGES + 1))


def metadata(channel):
    _, call = channel.unary_unary(METHOD + "Unary", **BOTH).with_call(
        messages.Request(), metadata=(("x-text", TEXT), ("x-data-bin", DATA)), **PATIENCE)
    return (dict(call.initial_metadata()).get("x-text") == TEXT and
            dict(call.trailing_metadata()).get("x-data-bin") == DATA)


def deadline_seen(channel):
    reply = channel.unary_unary(METHOD + "Unary", **BOTH)(messages.Request(), **PATIENCE)
    return 0 < reply.deadline_left_ms <= 61000  # rounded up on the wire


def deadline_kept(channel):
    try:
        channel.unary_unary(METHOD + "Unary", **BOTH)(messages.Request(delay_ms=1000), timeout=0.2)
    except grpc.RpcError as error:
        return error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    return False


def error_status(channel):
    code = grpc.StatusCode.FAILED_PRECONDITION
    try:
        channel.unary_unary(METHOD + "Unary", **BOTH)(
            messages.Request(status_code=code.value[0], status_message=ERROR), **PATIENCE)
    except grpc.RpcError as error:
        return error.code() == code and error.details() == ERROR
    return False


CASES = {"unary": unary_of(100), "unary_large": unary_of(1 << 20), "client_stream": client_stream,
         "server_stream": server_stream, "bidi_stream": bidi_stream, "metadata": metadata,
         "deadline_seen": deadline_seen, "deadline_kept": deadline_kept, "error_status": error_status}


def verdict(case, channel):
    try:
        return "ok" if case(channel) else "not as expected"
    except grpc.RpcError as error:
        return str(error.code())


def network_bytes():
    with open("/proc/self/net/dev") as devices:
        return sum(int(line.split(":")[1].split()[8]) for line in devices if ":" in line)


def call(channel, count, size):
    statuses, servers, reply = Counter(), Counter(), messages.Reply()
    for _ in range(count):
        reply = channel.unary_unary(METHOD + "Unary", **BOTH)(
            messages.Request(payload=b"c" * size), **PATIENCE)
        statuses["0"] += 1
        servers[reply.server] += 1
    return {"statuses": statuses, "servers": servers, "peer": reply.peer, "error": ""}


def main():
    channel = grpc.insecure_channel(sys.argv[1], [("grpc.enable_http_proxy", 0)])
    for line in sys.stdin:
        verb, *numbers = line.split()
        answer = {}
        if verb == "kinds":
            answer["kinds"] = {name: verdict(case, channel) for name, case in CASES.items()}
        elif verb == "call":
            answer = call(channel, *map(int, numbers))
        answer["network_bytes"] = network_bytes()
        print(json.dumps(answer), flush=True)


main()
