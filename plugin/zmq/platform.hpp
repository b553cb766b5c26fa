/* SPDX-License-Identifier: Apache-2.0
 *
 * How libzmq is configured here: Linux with the GNU C library, with the choices that Debian makes for its own
 * package (libsodium, OpenPGM, NORM, GSSAPI, WebSocket; no draft API). Stands for what libzmq's configure script
 * would find out. zmq_test.cc compares the answers of zmq_has() with the distribution's library. */
#ifndef SAMEHOST_PLUGIN_ZMQ_PLATFORM_HPP_
#define SAMEHOST_PLUGIN_ZMQ_PLATFORM_HPP_

#define ZMQ_HAVE_LINUX 1

/* Waiting */
#define ZMQ_USE_CV_IMPL_STL11 1
#define ZMQ_IOTHREAD_POLLER_USE_EPOLL 1
#define ZMQ_IOTHREAD_POLLER_USE_EPOLL_CLOEXEC 1
#define ZMQ_POLL_BASED_ON_POLL 1
#define ZMQ_HAVE_EVENTFD 1
#define ZMQ_HAVE_EVENTFD_CLOEXEC 1
#define ZMQ_CACHELINE_SIZE 64

/* The C library and the kernel */
#define HAVE_FORK 1
#define HAVE_CLOCK_GETTIME 1
#define HAVE_MKDTEMP 1
#define HAVE_ACCEPT4 1
#define HAVE_STRNLEN 1
#define HAVE_IF_NAMETOINDEX 1
#define ZMQ_HAVE_LIBBSD 1
#define ZMQ_HAVE_UIO 1
#define ZMQ_HAVE_NOEXCEPT 1
#define ZMQ_HAVE_IFADDRS 1
#define ZMQ_HAVE_O_CLOEXEC 1
#define ZMQ_HAVE_SOCK_CLOEXEC 1
#define ZMQ_HAVE_SO_BINDTODEVICE 1
#define ZMQ_HAVE_SO_KEEPALIVE 1
#define ZMQ_HAVE_SO_PEERCRED 1
#define ZMQ_HAVE_SO_PRIORITY 1
#define ZMQ_HAVE_TCP_KEEPCNT 1
#define ZMQ_HAVE_TCP_KEEPIDLE 1
#define ZMQ_HAVE_TCP_KEEPINTVL 1
#define ZMQ_HAVE_PTHREAD_SETNAME_2 1
#define ZMQ_HAVE_PTHREAD_SET_AFFINITY 1

/* Transports and mechanisms */
#define ZMQ_HAVE_IPC 1
#define ZMQ_HAVE_TIPC 1
#define ZMQ_HAVE_WS 1
#define ZMQ_USE_BUILTIN_SHA1 1
#define ZMQ_HAVE_OPENPGM 1
#define ZMQ_HAVE_NORM 1
#define ZMQ_HAVE_CURVE 1
#define ZMQ_USE_LIBSODIUM 1
#define HAVE_LIBGSSAPI_KRB5 1

#endif
