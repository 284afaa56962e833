// Segments on large pages. What needs pages that were reserved, or a kernel that gives them to shared memory, tries to set the machine up so,
// and skips with the reason where it may not.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "harness.h"
#include "memory/memory_budget.h"
#include "memory/segment.h"
#include "os/map_pages.h"
#include "os/unique_fd.h"

namespace holdfast::test {

constexpr uint64_t kLarge = 2 << 20;

std::string ReadLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// A switch of the kernel, as it was before when this ends.
class Switch {
 public:
  Switch(std::string path, const std::string& value) : path_(std::move(path)), before_(Chosen(ReadLine(path_))) {
    std::ofstream(path_) << value;
    took_ = Chosen(ReadLine(path_)) == value;
  }
  ~Switch() { std::ofstream(path_) << before_; }

  bool took(const char* what) const {
    if (!took_) printf("skipped: %s is not to be had here (%s)\n", what, path_.c_str());
    return took_;
  }

 private:
  // "always [advise] never", or the whole line.
  static std::string Chosen(const std::string& line) {
    const size_t open = line.find('[');
    return open == std::string::npos ? line : line.substr(open + 1, line.find(']') - open - 1);
  }

  const std::string path_;
  const std::string before_;
  bool took_ = false;
};

class Reserved : public Switch {
 public:
  explicit Reserved(int pages) : Switch("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", std::to_string(pages)) {}
};

Status Make(const std::shared_ptr<MemoryBudget>& budget, uint64_t size_bytes, std::shared_ptr<Segment>* segment) {
  MemoryReservation reservation;
  Status status = budget->Reserve(size_bytes, &reservation);
  return status.ok() ? Segment::Create("test", size_bytes, std::move(reservation), segment) : status;
}

// Written in pieces, as by a fill and through the mapping in turns, the last byte included, and sealed.
void FillAndSeal(Segment* segment, uint64_t size_bytes) {
  constexpr uint64_t kPiece = 300000;
  for (uint64_t at = 0; at < size_bytes; at += kPiece) {
    const uint64_t piece_bytes = std::min(kPiece, size_bytes - at);
    const auto value = static_cast<uint8_t>(at / kPiece % 251 + 1);
    if (at / kPiece % 2 == 0) {
      CHECK_OK(segment->Write(at, std::vector<uint8_t>(piece_bytes, value).data(), piece_bytes));
    } else {
      CHECK_OK(segment->Prepare(at, piece_bytes));
      std::memset(segment->writable() + at, value, piece_bytes);
    }
  }
  CHECK_OK(segment->Seal());
  uint8_t byte = 0;
  CHECK_OK(segment->Read(size_bytes - 1, 1, &byte));
  CHECK(byte == (size_bytes - 1) / kPiece % 251 + 1);
}

uint64_t FreePages() { return std::stoull(ReadLine("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")); }

TEST(ASegmentStandsOnReservedPagesAndNobodyCanWriteIt) {
  const Reserved reserved(20);
  if (!reserved.took("reserving 20 large pages")) return;
  const uint64_t size_bytes = 16 * kLarge - 12345;
  const auto budget = MemoryBudget::Create(64 << 20, /*large_pages=*/true);
  std::shared_ptr<Segment> segment;
  CHECK_OK(Make(budget, size_bytes, &segment));
  CHECK(segment->pages() == Pages::kReserved && segment->size_bytes() == size_bytes);
  CHECK(budget->used_bytes() == 16 * kLarge);
  CHECK(budget->use_of(Pages::kReserved).segments == 1 && budget->use_of(Pages::kReserved).bytes == 16 * kLarge);
  FillAndSeal(segment.get(), size_bytes);
  CHECK(FreePages() == 4);
  const int fd = segment->read_only_fd();
  struct stat info;
  struct statfs system;
  CHECK(fstat(fd, &info) == 0 && (info.st_mode & 0777) == 0400 && info.st_size == 16 * static_cast<off_t>(kLarge));
  CHECK(fstatfs(fd, &system) == 0 && system.f_type == HUGETLBFS_MAGIC && FilePageBytes(fd) == kLarge);
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  CHECK((fcntl(fd, F_GET_SEALS) & kSeals) == kSeals);
  CHECK(mmap(nullptr, 16 * kLarge, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
  UniqueFd writing(open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDWR | O_CLOEXEC));
  if (writing.valid()) {
    CHECK(mmap(nullptr, 16 * kLarge, PROT_READ | PROT_WRITE, MAP_SHARED, writing.get(), 0) == MAP_FAILED);
    CHECK(ftruncate(writing.get(), 0) < 0);
    CHECK(fallocate(writing.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kLarge) < 0);
  }
  uint8_t byte = 0;
  CHECK_CODE(segment->Read(size_bytes, 1, &byte), code::kBadRequest);
  writing.Reset();
  segment.reset();
  CHECK(budget->used_bytes() == 0 && FreePages() == 20);
  CHECK_OK(budget->CheckInvariants());
}

TEST(WithTooFewReservedPagesASegmentHasTheUsualOnes) {
  const Reserved reserved(20);
  if (!reserved.took("reserving 20 large pages")) return;
  const Switch never("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "never");
  const auto budget = MemoryBudget::Create(256 << 20, /*large_pages=*/true);
  std::shared_ptr<Segment> first, second, third;
  CHECK_OK(Make(budget, 16 * kLarge, &first));
  CHECK(first->pages() == Pages::kReserved);
  // Claimed by the first, though none of them is used yet.
  CHECK_OK(Make(budget, 16 * kLarge, &second));
  CHECK(second->pages() == Pages::kUsual && FilePageBytes(second->read_only_fd()) == PageBytes());
  FillAndSeal(second.get(), 16 * kLarge);
  FillAndSeal(first.get(), 16 * kLarge);
  CHECK_OK(Make(budget, 4 * kLarge, &third));
  CHECK(third->pages() == Pages::kReserved);
  CHECK_OK(budget->CheckInvariants());
}

TEST(TheEndOfTheLastPageFitsTheBudgetOrThePagesAreTheUsualOnes) {
  const Reserved reserved(20);
  if (!reserved.took("reserving 20 large pages")) return;
  const uint64_t size_bytes = 16 * kLarge - 2 * 4096;
  const auto budget = MemoryBudget::Create(16 * kLarge - 4096, /*large_pages=*/true);
  std::shared_ptr<Segment> segment;
  CHECK_OK(Make(budget, size_bytes, &segment));
  CHECK(segment->pages() != Pages::kReserved);
  CHECK(budget->used_bytes() == size_bytes);
  FillAndSeal(segment.get(), size_bytes);
}

TEST(SmallSegmentsAndThoseThatWouldWasteMuchHaveTheUsualPages) {
  const Reserved reserved(20);
  if (!reserved.took("reserving 20 large pages")) return;
  const auto budget = MemoryBudget::Create(64 << 20, /*large_pages=*/true);
  for (const uint64_t size_bytes : {uint64_t{1}, kLarge - 1, kLarge + 1, 7 * kLarge + kLarge / 2}) {
    std::shared_ptr<Segment> segment;
    CHECK_OK(Make(budget, size_bytes, &segment));
    CHECK(segment->pages() == Pages::kUsual);
  }
  std::shared_ptr<Segment> off;
  CHECK_OK(Make(MemoryBudget::Create(64 << 20), 4 * kLarge, &off));
  CHECK(off->pages() == Pages::kUsual);
}

TEST(ASegmentOfReservedPagesIsTakenBack) {
  const Reserved reserved(4);
  if (!reserved.took("reserving 4 large pages")) return;
  const uint64_t size_bytes = 3 * kLarge - 10000;
  const auto budget = MemoryBudget::Create(64 << 20, /*large_pages=*/true);
  std::shared_ptr<Segment> first, again;
  CHECK_OK(Make(budget, size_bytes, &first));
  FillAndSeal(first.get(), size_bytes);
  const auto take = [&](const std::shared_ptr<MemoryBudget>& into, uint64_t claimed_bytes) {
    MemoryReservation reservation;
    CHECK_OK(into->Reserve(claimed_bytes, &reservation));
    return Segment::Reattach(UniqueFd(fcntl(first->read_only_fd(), F_DUPFD_CLOEXEC, 0)), claimed_bytes, std::move(reservation), &again);
  };
  CHECK_CODE(take(budget, 2 * kLarge), code::kBadRequest);
  CHECK_CODE(take(MemoryBudget::Create(3 * kLarge - 4096), size_bytes), code::kMemoryFull);
  CHECK_OK(take(budget, size_bytes));
  CHECK(again->sealed() && again->pages() == Pages::kReserved && again->size_bytes() == size_bytes);
  uint8_t byte = 0;
  CHECK_OK(again->Read(size_bytes - 1, 1, &byte));
  CHECK(byte != 0);
}

// Of the mapping that begins at `map`, in kB.
uint64_t MappedLarge(const void* map) {
  char start[32];
  snprintf(start, sizeof start, "%lx-", reinterpret_cast<unsigned long>(map));
  std::ifstream smaps("/proc/self/smaps");
  bool is_in = false;
  for (std::string line; std::getline(smaps, line);) {
    if (line.rfind(start, 0) == 0) is_in = true;
    if (is_in && line.rfind("ShmemPmdMapped:", 0) == 0) return std::stoull(line.substr(15));
  }
  return 0;
}

TEST(TheKernelIsAskedForLargePagesWhereItGivesThem) {
  const Reserved none(0);
  for (const char* mode : {"advise", "within_size"}) {
    const Switch given("/sys/kernel/mm/transparent_hugepage/shmem_enabled", mode);
    if (!given.took("a kernel that gives large pages to shared memory")) return;
    const uint64_t size_bytes = 8 * kLarge;
    const auto budget = MemoryBudget::Create(64 << 20, /*large_pages=*/true);
    std::shared_ptr<Segment> segment;
    CHECK_OK(Make(budget, size_bytes, &segment));
    CHECK(segment->pages() == Pages::kAsked && budget->used_bytes() == size_bytes);
    FillAndSeal(segment.get(), size_bytes);
    void* map = mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, segment->read_only_fd(), 0);
    CHECK(map != MAP_FAILED);
    uint64_t sum = 0;
    for (uint64_t at = 0; at < size_bytes; at += 4096) sum += static_cast<volatile uint8_t*>(map)[at];
    CHECK(sum > 0);
    // The kernel may be short of large pages; that it gave none at all is worth a word.
    if (MappedLarge(map) == 0) printf("no large page was given with shmem_enabled=%s\n", mode);
    CHECK(munmap(map, size_bytes) == 0);
  }
}

}  // namespace holdfast::test
