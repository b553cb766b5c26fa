// What the measured messages carry, and how both sides check it. A body of n bytes is a fixed
// pseudo-random pattern, with the call's sequence number over its first and last 8 bytes (as far as
// they fit), so that a stale, short, shifted or foreign message is noticed. Pure functions, any
// thread.
#ifndef SAMEHOST_PLUGIN_BENCH_PAYLOAD_H_
#define SAMEHOST_PLUGIN_BENCH_PAYLOAD_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace samehost::bench {

// The body for call `sequence`.
std::string MakeBody(size_t size, uint64_t sequence);

// Turns a body made by MakeBody into the one for another call; touches 16 bytes.
void StampBody(std::string& body, uint64_t sequence);

// The same two for memory that is no string.
void FillBody(std::span<char> body, uint64_t sequence);
void StampBody(std::span<char> body, uint64_t sequence);

// False when `body` is not MakeBody(size, sequence), as far as one sees from its length, both
// stamps and 8 bytes at places that differ from call to call. (To check every byte, compare with
// what was sent.)
bool CheckBody(std::string_view body, size_t size, uint64_t sequence);

// As CheckBody, but looks at every byte.
bool CheckWholeBody(std::string_view body, size_t size, uint64_t sequence);

// For the server, which knows neither size nor sequence: both stamps agree and the pattern holds at
// some places. The client checks the length.
bool CheckBodyAsServer(std::string_view body);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_PAYLOAD_H_
