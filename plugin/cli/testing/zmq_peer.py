# ZeroMQ as Python's users have it (python3-zmq): one side of a pair.
#   zmq_peer.py rep|pub|arep ADDRESS      prints "listening ADDRESS"; "pub" sends for each line on stdin
#   zmq_peer.py req|sub|areq ADDRESS      does ten exchanges, prints "10 messages", waits for stdin's end
# The two with "a" use asyncio.
import asyncio
import sys

import zmq
import zmq.asyncio

mode, address = sys.argv[1:3]


def say(text):
    print(text, flush=True)


def bind(socket):
    socket.bind(address)
    say("listening " + socket.getsockopt_string(zmq.LAST_ENDPOINT))


async def main_async():
    context = zmq.asyncio.Context()
    socket = context.socket(zmq.REP if mode == "arep" else zmq.REQ)
    if mode == "arep":
        bind(socket)
        while True:
            await socket.send(await socket.recv())
    socket.connect(address)
    for i in range(10):
        await socket.send(b"%d" % i * 1000)
        assert await socket.recv() == b"%d" % i * 1000
    say("10 messages")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main():
    context = zmq.Context()
    if mode == "rep":
        socket = context.socket(zmq.REP)
        bind(socket)
        while True:
            socket.send(socket.recv())
    elif mode == "pub":
        socket = context.socket(zmq.PUB)
        bind(socket)
        for line in sys.stdin:
            socket.send_string(line.strip())
    elif mode == "req":
        socket = context.socket(zmq.REQ)
        socket.connect(address)
        for i in range(10):
            socket.send(b"%d" % i * 1000)
            assert socket.recv() == b"%d" % i * 1000
        say("10 messages")
        sys.stdin.read()
    elif mode == "sub":
        socket = context.socket(zmq.SUB)
        socket.subscribe("")
        socket.connect(address)
        for _ in range(10):
            socket.recv()
        say("10 messages")
        sys.stdin.read()
    socket.close(0)


if mode.startswith("a"):
    asyncio.run(main_async())
else:
    main()
