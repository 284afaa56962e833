#include "memory/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "harness.h"
#include "os/unique_fd.h"

namespace holdfast::test {

std::shared_ptr<Segment> MakeSegment(const std::shared_ptr<MemoryBudget>& budget, uint64_t size_bytes) {
  MemoryReservation reservation;
  CHECK_OK(budget->Reserve(size_bytes, &reservation));
  std::shared_ptr<Segment> segment;
  CHECK_OK(Segment::Create("test", size_bytes, std::move(reservation), &segment));
  return segment;
}

// Everything that a client which holds `fd` could try.
void CheckCannotWrite(int fd, size_t size_bytes) {
  CHECK(write(fd, "x", 1) < 0);
  CHECK(pwrite(fd, "x", 1, 0) < 0);
  CHECK(ftruncate(fd, 0) < 0);
  CHECK(ftruncate(fd, static_cast<off_t>(size_bytes) + 1) < 0);
  CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0);
  CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0);
  CHECK(mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
  void* map = mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, fd, 0);
  CHECK(map != MAP_FAILED);
  CHECK(mprotect(map, size_bytes, PROT_READ | PROT_WRITE) < 0);
  CHECK(munmap(map, size_bytes) == 0);
}

// What a client of the same user, or root, gets by opening the file again through /proc.
void CheckReopenCannotWrite(int fd, size_t size_bytes) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const UniqueFd writing(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!writing.valid()) {
    CHECK(errno == EACCES || errno == EPERM);
    return;
  }
  CHECK(write(writing.get(), "x", 1) < 0 && errno == EPERM);
  CHECK(ftruncate(writing.get(), 0) < 0 && errno == EPERM);
  CHECK(ftruncate(writing.get(), static_cast<off_t>(size_bytes) * 2) < 0 && errno == EPERM);
  CHECK(mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, writing.get(), 0) == MAP_FAILED);
  const UniqueFd truncating(open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  CHECK(!truncating.valid());
}

TEST(NobodyCanWriteAFillingSegmentButItsFiller) {
  const auto budget = MemoryBudget::Create(1 << 20);
  const auto segment = MakeSegment(budget, 10000);
  CHECK_OK(segment->Prepare(0, 10000));
  std::memset(segment->writable(), 7, 10000);
  const int seals = fcntl(segment->read_only_fd(), F_GET_SEALS);
  CHECK((seals & (F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)) == (F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SHRINK));
  CheckCannotWrite(segment->read_only_fd(), 10000);
  CheckReopenCannotWrite(segment->read_only_fd(), 10000);
  segment->writable()[9999] = 8;
}

TEST(NobodyCanWriteASealedSegment) {
  const auto budget = MemoryBudget::Create(1 << 20);
  const auto segment = MakeSegment(budget, 10000);
  CHECK_OK(segment->Prepare(0, 10000));
  std::memset(segment->writable(), 7, 10000);
  CHECK_OK(segment->Seal());
  CHECK(segment->sealed() && segment->writable() == nullptr);
  const int seals = fcntl(segment->read_only_fd(), F_GET_SEALS);
  CHECK((seals & (F_SEAL_WRITE | F_SEAL_SEAL)) == (F_SEAL_WRITE | F_SEAL_SEAL));
  struct stat info;
  CHECK(fstat(segment->read_only_fd(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0400 && info.st_size == 10000);
  CheckCannotWrite(segment->read_only_fd(), 10000);
  CheckReopenCannotWrite(segment->read_only_fd(), 10000);
  uint8_t byte = 0;
  CHECK_OK(segment->Read(9999, 1, &byte));
  CHECK(byte == 7);
  CHECK_CODE(segment->Read(9999, 2, &byte), code::kBadRequest);
  CHECK_CODE(segment->Read(UINT64_MAX, 2, &byte), code::kBadRequest);
}

TEST(AnEmptySegmentSeals) {
  const auto segment = MakeSegment(MemoryBudget::Create(0), 0);
  CHECK_OK(segment->Prepare(0, 0));
  CHECK(segment->writable() == nullptr);
  CHECK_OK(segment->Seal());
  CHECK_OK(segment->Read(0, 0, nullptr));
}

TEST(OffsetsBeyondFourGibibytesAreExact) {
  // Only two ranges are ever allocated; the rest stays a hole.
  const uint64_t size_bytes = (uint64_t{5} << 30) + 123;
  const auto budget = MemoryBudget::Create(uint64_t{6} << 30);
  const auto segment = MakeSegment(budget, size_bytes);
  CHECK_OK(segment->Prepare(0, 10));
  CHECK_OK(segment->Prepare(size_bytes - 10, 10));
  segment->writable()[3] = 1;
  segment->writable()[size_bytes - 1] = 2;
  CHECK_OK(segment->Seal());
  uint8_t bytes[10];
  CHECK_OK(segment->Read(0, 10, bytes));
  CHECK(bytes[3] == 1);
  CHECK_OK(segment->Read(size_bytes - 10, 10, bytes));
  CHECK(bytes[9] == 2 && bytes[3] == 0);
  CHECK(budget->used_bytes() == (uint64_t{5} << 30) + 4096);
}

TEST(ABudgetFillsToItsLastPageAndNotBeyond) {
  const auto budget = MemoryBudget::Create(3 * 4096);
  MemoryReservation first, second, third;
  CHECK_OK(budget->Reserve(4097, &first));
  CHECK(budget->used_bytes() == 2 * 4096);
  CHECK_CODE(budget->Reserve(4097, &second), code::kMemoryFull);
  CHECK_CODE(budget->Reserve(3 * 4096 + 1, &second), code::kTooLarge);
  CHECK_CODE(budget->Reserve(UINT64_MAX, &second), code::kTooLarge);
  CHECK_OK(budget->Reserve(4096, &second));
  CHECK_CODE(budget->Reserve(1, &third), code::kMemoryFull);
  CHECK_OK(budget->Reserve(0, &third));
  CHECK_OK(budget->CheckInvariants());
  first = std::move(second);
  CHECK(budget->used_bytes() == 4096);
  first.Release();
  third.Release();
  CHECK(budget->used_bytes() == 0);
  CHECK_OK(budget->CheckInvariants());
}

TEST(ASegmentGivesItsReservationBack) {
  const auto budget = MemoryBudget::Create(8192);
  auto segment = MakeSegment(budget, 5000);
  CHECK(budget->used_bytes() == 8192);
  segment.reset();
  CHECK(budget->used_bytes() == 0);
}

}  // namespace holdfast::test
