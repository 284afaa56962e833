#include "os/crash_points.h"

#include <csignal>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string>

namespace holdfast {

namespace {

struct Wanted {
  // -1: none, or a point of another part of the process.
  int point = -1;
  std::atomic<long> passings_left = 1;
};

Wanted* ReadWanted() {
  static Wanted wanted;
  const char* text = std::getenv("HOLDFAST_CRASH_AT");
  if (text == nullptr) return &wanted;
  const std::string_view all(text);
  const size_t colon = all.find(':');
  const auto& names = CrashPointNames();
  const auto found = std::find(names.begin(), names.end(), all.substr(0, colon));
  if (found == names.end()) return &wanted;
  wanted.point = static_cast<int>(found - names.begin());
  if (colon != std::string_view::npos) wanted.passings_left = std::atol(text + colon + 1);
  return &wanted;
}

}  // namespace

const std::vector<std::string_view>& CrashPointNames() {
  static const std::vector<std::string_view> names = {
      "disk.folder-made",    "disk.lock-made",     "partial.made",          "partial.sized",
      "partial.preallocated", "partial.chunk-torn", "partial.chunk-written", "blob.read-only",
      "blob.synced",         "blob.shard-made",    "blob.shard-synced",     "blob.renamed",
      "blob.folder-synced",  "partial.folder-synced", "blob.removed",       "partial.removed",
      "partial.given-up",    "disk.stray-removed",
      "blob.moved",          "partial.moved",      "disk.moves-synced",     "blob.twin-removed",
  };
  return names;
}

void PassCrashPoint(CrashPoint point) {
  static Wanted* const wanted = ReadWanted();
  if (static_cast<int>(point) != wanted->point || --wanted->passings_left != 0) return;
  // As kill -9 from outside: no handler, no destructor, no flush.
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

}  // namespace holdfast
