"""Stock C++, Python, Ruby and Node on either side, at the same address at the same time"""
UP = False
PEERS = "/usr/local/peers"
LANGUAGES = {"python": ("python3", "py"), "ruby": ("ruby", "rb"), "node": ("node", "js")}
OF = ["python", "ruby", "node"]


def check(s):
    there = ["stock"] + [language for language in OF if language not in s.missing]
    s.notes += [f"{language} not tried: {s.missing[language]}" for language in OF if language in s.missing]
    s.up("server", "client", *(f"{kind}-{side}" for kind in there for side in ("server", "client")))

    ours = s.client("client", "server:50051")
    ours.ask("start 2 1")
    for kind in there:
        if kind == "stock":
            client = s.client("stock-client", "server:50051", kind=f"{s.protocol}-stock")
        else:
            interpreter, ending = LANGUAGES[kind]
            program = f"{PEERS}/{kind}/{s.protocol}_client.{ending}"
            client = s.peer(f"{kind}-client", [interpreter, program, "server:50051"])
        answer = s.expect_socket(client, None)
        assert answer["servers"] == {"samehost": 50}, f"{kind}: {answer['servers']}"
        s.expect_kinds(client)
        s.notes.append(kind + (f" (libzmq {answer['libzmq']})" if "libzmq" in answer else ""))
    # Meanwhile, at the same address:
    tally = ours.ask("stop")
    assert list(tally["statuses"]) == ["0"] and tally["statuses"]["0"] >= 50, tally
    assert tally["messages_sent"] >= tally["statuses"]["0"], tally
    s.expect_shared_memory(ours)

    for kind in there:
        client = s.client("client", f"{kind}-server:50051")
        # A ZeroMQ client asks the server itself, which does not offer it.
        answer = s.expect_socket(client, {"grpc": "not_local_address", "zmq": "server_not_found"})
        assert answer["servers"] == {kind: 50}, f"{kind}: {answer['servers']}"
        s.expect_kinds(client)
