"""The service of interop.proto by a stock Python server."""
import json
import sys
import time
from concurrent import futures

import grpc

import interop_pb2 as messages

BOTH = dict(request_deserializer=messages.Request.FromString,
            response_serializer=messages.Reply.SerializeToString)


def echo_metadata(context):
    for key, value in context.invocation_metadata():
        if key == "x-text":
            context.send_initial_metadata(((key, value),))
        if key == "x-data-bin":
            context.set_trailing_metadata(((key, value),))


def answer(request, context, number):
    time.sleep(request.delay_ms / 1000)
    left = context.time_remaining()
    return messages.Reply(payload=request.payload, number=number, server="python", peer=context.peer(),
                          deadline_left_ms=int(left * 1000) if left is not None else 0)


def end(request, context):
    codes = {code.value[0]: code for code in grpc.StatusCode}
    if request.status_code:
        context.abort(codes[request.status_code], request.status_message)


def unary(request, context):
    echo_metadata(context)
    reply = answer(request, context, 1)
    end(request, context)
    return reply


def client_stream(requests, context):
    echo_metadata(context)
    request, number = messages.Request(), 0
    for request in requests:
        number += 1
    return answer(request, context, number)


def server_stream(request, context):
    echo_metadata(context)
    for number in range(1, request.replies + 1):
        yield answer(request, context, number)
    end(request, context)


def bidi_stream(requests, context):
    echo_metadata(context)
    for number, request in enumerate(requests, 1):
        yield answer(request, context, number)


def main():
    address = sys.argv[1]
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("samehost.interop.Interop", {
        "Unary": grpc.unary_unary_rpc_method_handler(unary, **BOTH),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream, **BOTH),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream, **BOTH),
        "BidiStream": grpc.stream_stream_rpc_method_handler(bidi_stream, **BOTH),
    }),))
    server.add_insecure_port(address)
    server.start()
    print(json.dumps({"listening": [address]}), flush=True)
    server.wait_for_termination()


main()
