#include "memory/blob_id.h"

#include <array>
#include <cstring>

namespace holdfast {

namespace {

// The zero byte at its end is a part of it.
constexpr char kDomain[] = "holdfast blob 1";

}  // namespace

BlobIdHash::BlobIdHash() { hash_.Update(kDomain, sizeof kDomain); }

void BlobIdHash::Add(const Digest& chunk, uint64_t size_bytes) {
  std::array<uint8_t, 40> entry;
  std::memcpy(entry.data(), chunk.bytes.data(), chunk.bytes.size());
  for (size_t i = 0; i < 8; i++) entry[32 + i] = static_cast<uint8_t>(size_bytes >> (56 - 8 * i));
  hash_.Update(entry.data(), entry.size());
}

Digest BlobIdHash::Final() { return hash_.Final(); }

}  // namespace holdfast
