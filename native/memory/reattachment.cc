// Invariant: what a candidate costs is reserved before anybody waits for its hash, so that hostile ones cannot exceed the limit either.
#include "memory/reattachment.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "os/sha256.h"

namespace holdfast {

namespace {

// A closing store waits for this much hashing.
constexpr uint64_t kStepBytes = 8 << 20;

bool IsSameMemory(int a, int b) {
  struct stat first, second;
  return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

Status HashOf(const Segment& segment, const ThreadPool& pool, Digest* digest) {
  Sha256 hash;
  const uint64_t size_bytes = segment.size_bytes();
  if (size_bytes > 0) {
    void* map = mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, segment.read_only_fd(), 0);
    if (map == MAP_FAILED) return Status::Errno(code::kSystem, "Cannot map a segment that is handed back", errno);
    for (uint64_t at = 0; at < size_bytes && !pool.stopping(); at += kStepBytes) {
      hash.Update(static_cast<const uint8_t*>(map) + at, std::min(kStepBytes, size_bytes - at));
    }
    munmap(map, size_bytes);
  }
  if (pool.stopping()) return Status::Error(code::kShuttingDown, "The store is closing.");
  *digest = hash.Final();
  return Status();
}

}  // namespace

Status Reattachment::Run(std::vector<HeldSegment> held, const std::vector<Digest>& wanted,
                     std::function<void(std::vector<Reattached>)> done) {
  auto candidates = std::make_shared<std::vector<Candidate>>();
  for (HeldSegment& segment : held) {
    if (std::find(wanted.begin(), wanted.end(), segment.sha256) == wanted.end()) continue;
    Candidate candidate;
    candidate.held = std::move(segment);
    candidate.present = catalog_->FindSegment(candidate.held.sha256);
    if (candidate.present == nullptr) {
      Status status = budget_->Reserve(candidate.held.size_bytes, &candidate.reservation);
      if (!status.ok()) return status;
    }
    candidates->push_back(std::move(candidate));
  }
  const auto run = [this, candidates, done] {
    std::vector<Reattached> reattached;
    for (Candidate& candidate : *candidates) reattached.push_back({candidate.held.sha256, candidate.held.size_bytes, Check(&candidate)});
    done(std::move(reattached));
  };
  if (!pool_->Submit(run)) return Status::Error(code::kShuttingDown, "The store is closing.");
  return Status();
}

Status Reattachment::Check(Candidate* candidate) const {
  const HeldSegment& held = candidate->held;
  if (candidate->present != nullptr) {
    if (IsSameMemory(held.fd.get(), candidate->present->read_only_fd())) return Status();
    return Status::Error(code::kBadRequest, "Blob " + held.sha256.ToHex() + " is in memory already, in another segment.");
  }
  std::shared_ptr<Segment> segment;
  Status status = Segment::Reattach(std::move(candidate->held.fd), held.size_bytes, std::move(candidate->reservation), &segment);
  Digest actual;
  if (status.ok()) status = HashOf(*segment, *pool_, &actual);
  if (!status.ok()) return status;
  if (actual != held.sha256) {
    return Status::Error(code::kDigestMismatch, "A segment that was handed back is not blob " + held.sha256.ToHex() + ".");
  }
  catalog_->AddSegment(held.sha256, std::move(segment));
  return Status();
}

}  // namespace holdfast
