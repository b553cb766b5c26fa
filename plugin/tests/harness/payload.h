// Payloads whose every byte can be checked: pseudo-random from a seed, with a checksum.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_PAYLOAD_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_PAYLOAD_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace samehost::testing {

// splitmix64 (Steele, Lea, Flood 2014), eight bytes a step.
inline std::string MakePayload(size_t bytes, uint64_t seed) {
  std::string payload(bytes, '\0');
  uint64_t state = seed;
  for (size_t at = 0; at < bytes; at += 8) {
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    memcpy(payload.data() + at, &z, bytes - at < 8 ? bytes - at : 8);
  }
  return payload;
}

// FNV-1a over 64-bit words; order matters, so that swapped or repeated pieces show.
class Checksum {
 public:
  void Add(std::string_view bytes) {
    size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
      uint64_t word;
      memcpy(&word, bytes.data() + at, 8);
      Mix(word);
    }
    for (; at < bytes.size(); ++at) Mix(static_cast<unsigned char>(bytes[at]));
    Mix(bytes.size());
  }
  uint64_t value() const { return value_; }

 private:
  void Mix(uint64_t word) { value_ = (value_ ^ word) * 0x100000001b3u; }
  uint64_t value_ = 0xcbf29ce484222325u;
};

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_PAYLOAD_H_
