// A sha256 as a value: the key of blobs and chunks.
#ifndef HOLDFAST_DIGEST_H_
#define HOLDFAST_DIGEST_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace holdfast {

struct Digest {
  std::array<uint8_t, 32> bytes{};

  bool operator==(const Digest& other) const = default;

  // Lower-case hex.
  std::string ToHex() const;
  // False unless `text` is 64 lower-case hex digits.
  static bool FromHex(std::string_view text, Digest* digest);
};

struct DigestHash {
  // A digest is uniform already: its first bytes are its hash.
  size_t operator()(const Digest& digest) const {
    size_t hash;
    std::memcpy(&hash, digest.bytes.data(), sizeof hash);
    return hash;
  }
};

}  // namespace holdfast

#endif  // HOLDFAST_DIGEST_H_
