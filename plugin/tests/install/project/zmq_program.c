// Two sockets in one process. Prints whether their message went through shared memory.
#include <stdio.h>
#include <zmq.h>

int main(void) {
  void *context = zmq_ctx_new();
  void *push = zmq_socket(context, ZMQ_PUSH);
  void *pull = zmq_socket(context, ZMQ_PULL);
  zmq_msg_t message;
  char endpoint[256];
  size_t size = sizeof(endpoint);
  if (!zmq_has("shm")) {
    printf("this libzmq knows no shared memory\n");
    return 1;
  }
  if (zmq_bind(pull, "ipc://*") != 0 || zmq_getsockopt(pull, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0 ||
      zmq_connect(push, endpoint) != 0 || zmq_send(push, "hello", 5, 0) != 5) {
    printf("%s\n", zmq_strerror(zmq_errno()));
    return 1;
  }
  zmq_msg_init(&message);
  if (zmq_msg_recv(&message, pull, 0) != 5) return 1;
  if (zmq_msg_gets(&message, "X-Samehost-Uid") == NULL) {
    printf("the message came through a socket\n");
    return 1;
  }
  printf("ZeroMQ in shared memory\n");
  zmq_msg_close(&message);
  zmq_close(push);
  zmq_close(pull);
  zmq_ctx_term(context);
  return 0;
}
