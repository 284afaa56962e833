#include "wire/open_frame.h"

#include <algorithm>

namespace holdfast {

namespace {

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x21 && c <= 0x7e; });
}

bool ReadHeld(FrameReader& frame, std::vector<UniqueFd>& fds, OpenFrame* open) {
  OpenMiss& miss = open->miss;
  miss.held_digest = frame.Str();
  const uint32_t count = frame.U32();
  if (!frame.ok() || count == 0 || count > kFdsPerFrameMax || !IsPrintable(miss.held_digest)) return false;
  const bool complete = fds.size() == count;
  if (!complete && !fds.empty()) return false;
  for (uint32_t i = 0; i < count; i++) {
    HeldSegment segment;
    segment.size_bytes = frame.U64();
    frame.Raw(segment.sha256.bytes.data(), segment.sha256.bytes.size());
    if (!complete) continue;
    segment.fd = std::move(fds[i]);
    // Only told to the daemon, which checks; saturated so that no sum can lie.
    miss.held_bytes = std::max(miss.held_bytes, miss.held_bytes + segment.size_bytes);
    open->held.push_back(std::move(segment));
  }
  return true;
}

}  // namespace

bool ReadOpenFrame(FrameReader& frame, uint16_t version, std::vector<UniqueFd>& fds, OpenFrame* open) {
  OpenMiss& miss = open->miss;
  miss.deadline_ms = frame.U64();
  miss.name = frame.Str();
  miss.tenant = frame.Str();
  const uint32_t flags = version >= 2 ? frame.U32() : 0;
  open->arriving = (flags & kOpenArriving) != 0;
  if (frame.type() == FrameType::kReattach && !ReadHeld(frame, fds, open)) return false;
  return frame.AtEnd() && frame.request() != 0;
}

bool HasGoodNames(const OpenMiss& miss) {
  return !miss.name.empty() && miss.name.size() <= kNameBytesMax && miss.tenant.size() <= kTenantBytesMax && IsPrintable(miss.name) &&
         IsPrintable(miss.tenant);
}

}  // namespace holdfast
