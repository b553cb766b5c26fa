"""What programs/zmq_server.cc does, by a stock Python server."""
import json
import sys

import zmq

# By port, the address's own first: programs/zmq_socket.h.
ROUTER, REP, PULL, PUSH, XSUB, XPUB, PAIR = range(7)
KINDS = [zmq.ROUTER, zmq.REP, zmq.PULL, zmq.PUSH, zmq.XSUB, zmq.XPUB, zmq.PAIR]
WAYS = {REP: REP, PULL: PUSH, XSUB: XPUB, XPUB: XSUB, PAIR: PAIR}


def answer(router):
    identity, request, payload = router.recv_multipart(copy=False)
    header = {"serial": json.loads(request.bytes)["serial"], "server": "python",
              "peer": "ipv4:" + request.get("Peer-Address"), "peer_properties": {}}
    router.send_multipart([identity, json.dumps(header).encode(), payload])


def main():
    address = sys.argv[1]
    host, port = address.rsplit(":", 1)
    context = zmq.Context()
    sockets = [context.socket(kind) for kind in KINDS]
    poller = zmq.Poller()
    for after, socket in enumerate(sockets):
        socket.bind(f"tcp://{host}:{int(port) + after}")
        if after != PUSH:
            poller.register(socket, zmq.POLLIN)
    print(json.dumps({"listening": [address]}), flush=True)
    while True:
        for socket, _ in poller.poll():
            after = sockets.index(socket)
            if after == ROUTER:
                answer(socket)
            else:
                sockets[WAYS[after]].send_multipart(socket.recv_multipart())


main()
