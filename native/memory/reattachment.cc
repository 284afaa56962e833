// Invariant: what a candidate costs is reserved before anybody waits for its hash, so that hostile ones cannot exceed the limit either.
#include "memory/reattachment.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "memory/blob_check.h"
#include "os/map_pages.h"

namespace holdfast {

namespace {

bool IsSameMemory(int a, int b) {
  struct stat first, second;
  return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

Status DigestSegment(const Segment& segment, const Cut& cut, const ThreadPool& pool, Digest* id) {
  const uint64_t size_bytes = segment.size_bytes();
  Status status = ValidateCut(cut, size_bytes);
  if (!status.ok()) return status;
  if (size_bytes == 0) return DigestMemory(nullptr, cut, pool, id);
  const uint64_t map_bytes = RoundUp(size_bytes, FilePageBytes(segment.read_only_fd()));
  void* map = mmap(nullptr, map_bytes, PROT_READ, MAP_SHARED, segment.read_only_fd(), 0);
  if (map == MAP_FAILED) return Status::Errno(code::kSystem, "Cannot map a segment that is handed back", errno);
  const auto* bytes = static_cast<const uint8_t*>(map);
  status = DigestMemory(bytes, cut, pool, id);
  // A program that maps the segment sees the end of its last page too.
  const bool is_empty_behind = std::all_of(bytes + size_bytes, bytes + map_bytes, [](uint8_t byte) { return byte == 0; });
  munmap(map, map_bytes);
  if (status.ok() && !is_empty_behind) {
    return Status::Error(code::kBadRequest, "A segment that is handed back has bytes behind the end of its blob.");
  }
  return status;
}

}  // namespace

Status Reattachment::Run(std::vector<HeldSegment> held, const std::vector<WantedBlob>& wanted,
                     std::function<void(std::vector<Reattached>)> done) {
  auto candidates = std::make_shared<std::vector<Candidate>>();
  for (HeldSegment& segment : held) {
    const auto found = std::find_if(wanted.begin(), wanted.end(), [&](const WantedBlob& blob) { return blob.sha256 == segment.sha256; });
    if (found == wanted.end()) continue;
    Candidate candidate;
    candidate.held = std::move(segment);
    candidate.wanted = *found;
    candidate.present = catalog_->FindSegment(candidate.wanted.id);
    if (candidate.present == nullptr) {
      Status status = budget_->Reserve(candidate.held.size_bytes, &candidate.reservation);
      if (!status.ok()) return status;
    }
    candidates->push_back(std::move(candidate));
  }
  const auto run = [this, candidates, done] {
    std::vector<Reattached> reattached;
    for (Candidate& candidate : *candidates) {
      reattached.push_back({candidate.wanted.id, candidate.held.size_bytes, Check(&candidate)});
    }
    done(std::move(reattached));
  };
  if (!pool_->Submit(run)) return Status::Error(code::kShuttingDown, "The store is closing.");
  return Status();
}

Status Reattachment::Check(Candidate* candidate) const {
  const HeldSegment& held = candidate->held;
  const Digest& id = candidate->wanted.id;
  if (candidate->present != nullptr) {
    if (IsSameMemory(held.fd.get(), candidate->present->read_only_fd())) return Status();
    return Status::Error(code::kBadRequest, "Blob " + id.ToHex() + " is in memory already, in another segment.");
  }
  std::shared_ptr<Segment> segment;
  Status status = Segment::Reattach(std::move(candidate->held.fd), held.size_bytes, std::move(candidate->reservation), &segment);
  Digest actual;
  if (status.ok()) status = DigestSegment(*segment, candidate->wanted.cut, *pool_, &actual);
  if (!status.ok()) return status;
  if (actual != id) {
    return Status::Error(code::kDigestMismatch, "A segment that was handed back is not blob " + id.ToHex() + ".");
  }
  catalog_->AddSegment(id, std::move(segment));
  return Status();
}

}  // namespace holdfast
