#include "plugin/bench/payload.h"

#include <algorithm>
#include <cstring>

namespace samehost::bench {
namespace {

constexpr size_t kStamp = sizeof(uint64_t);
constexpr int kProbes = 8;

// splitmix64's finaliser (Steele, Lea, Flood 2014): every bit of the index reaches every bit out.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

char PatternAt(size_t index) { return static_cast<char>(Mix(index)); }

// The first `size` bytes of it, made once by each thread; valid until its next call.
const char* Pattern(size_t size) {
  thread_local std::string pattern;
  while (pattern.size() < size) pattern.push_back(PatternAt(pattern.size()));
  return pattern.data();
}

// Stamps overlap in a body of 8 to 15 bytes (the last is written last) and are cut in shorter ones.
size_t StampLength(size_t size) { return std::min(size, kStamp); }

bool CheckStamps(std::string_view body, uint64_t sequence) {
  const size_t length = StampLength(body.size());
  if (length == 0) return true;
  if (std::memcmp(body.data() + body.size() - length, &sequence, length) != 0) return false;
  return body.size() < 2 * kStamp || std::memcmp(body.data(), &sequence, kStamp) == 0;
}

bool CheckProbes(std::string_view body, uint64_t sequence) {
  if (body.size() <= 2 * kStamp) return true;
  const size_t interior = body.size() - 2 * kStamp;
  for (int probe = 0; probe < kProbes; ++probe) {
    const size_t index = kStamp + Mix(sequence * kProbes + probe) % interior;
    if (body[index] != PatternAt(index)) return false;
  }
  return true;
}

}  // namespace

std::string MakeBody(size_t size, uint64_t sequence) {
  std::string body(size, '\0');
  FillBody(body, sequence);
  return body;
}

void FillBody(std::span<char> body, uint64_t sequence) {
  if (body.empty()) return;
  std::memcpy(body.data(), Pattern(body.size()), body.size());
  StampBody(body, sequence);
}

void StampBody(std::span<char> body, uint64_t sequence) {
  const size_t length = StampLength(body.size());
  if (length == 0) return;
  std::memcpy(body.data(), &sequence, length);
  std::memcpy(body.data() + body.size() - length, &sequence, length);
}

void StampBody(std::string& body, uint64_t sequence) { StampBody(std::span<char>(body), sequence); }

bool CheckBody(std::string_view body, size_t size, uint64_t sequence) {
  return body.size() == size && CheckStamps(body, sequence) && CheckProbes(body, sequence);
}

bool CheckWholeBody(std::string_view body, size_t size, uint64_t sequence) {
  if (body.size() != size || !CheckStamps(body, sequence)) return false;
  if (size <= 2 * kStamp) return true;
  return std::memcmp(body.data() + kStamp, Pattern(size) + kStamp, size - 2 * kStamp) == 0;
}

bool CheckBodyAsServer(std::string_view body) {
  if (body.size() < kStamp) return true;
  uint64_t sequence;
  std::memcpy(&sequence, body.data() + body.size() - kStamp, kStamp);
  return CheckStamps(body, sequence) && CheckProbes(body, sequence);
}

}  // namespace samehost::bench
