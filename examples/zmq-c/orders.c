/* A server and a client: orders serve | orders ask. Before: "ipc:///tmp/orders"; that works as well, and is
 * carried through shared memory too. */
#include <stdio.h>
#include <string.h>
#include <zmq.h>

static const char *const kEndpoint = "shm://orders";

static int serve(void *context) {
  void *socket = zmq_socket(context, ZMQ_REP);
  if (zmq_bind(socket, kEndpoint) != 0) {
    fprintf(stderr, "bind %s: %s\n", kEndpoint, zmq_strerror(zmq_errno()));
    return 1;
  }
  for (;;) {
    char order[256];
    const int size = zmq_recv(socket, order, sizeof(order), 0);
    if (size < 0) break;
    zmq_send(socket, "done", 4, 0);
  }
  return zmq_close(socket);
}

static int ask(void *context) {
  void *socket = zmq_socket(context, ZMQ_REQ);
  zmq_connect(socket, kEndpoint);
  char answer[256] = {0};
  zmq_send(socket, "one of each", 11, 0);
  if (zmq_recv(socket, answer, sizeof(answer) - 1, 0) < 0) return 1;
  printf("%s\n", answer);
  return zmq_close(socket);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  void *context = zmq_ctx_new();
  const int failed = strcmp(argv[1], "serve") == 0 ? serve(context) : ask(context);
  zmq_ctx_term(context);
  return failed;
}
