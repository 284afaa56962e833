#include "disk/blob_reader.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "harness.h"

namespace holdfast::test {

constexpr size_t kPage = 4096;

// A file of a folder with its bytes on the disk, and none of them in the page cache.
struct ColdFile {
  explicit ColdFile(const std::string& folder, size_t size_bytes) : path(folder + "/file"), bytes(Bytes(size_bytes, 1)) {
    const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    CHECK(write(fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    CHECK(fsync(fd.get()) == 0 && posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED) == 0);
  }

  UniqueFd Open() const { return UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC)); }

  size_t CachedPages() const {
    const UniqueFd fd = Open();
    void* map = mmap(nullptr, bytes.size(), PROT_READ, MAP_SHARED, fd.get(), 0);
    std::vector<unsigned char> pages((bytes.size() + kPage - 1) / kPage);
    CHECK(map != MAP_FAILED && mincore(map, bytes.size(), pages.data()) == 0 && munmap(map, bytes.size()) == 0);
    return static_cast<size_t>(std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return (page & 1) != 0; }));
  }

  const std::string path;
  const std::vector<uint8_t> bytes;
};

// Where a segment's bytes would lie, filled with what must not be left or touched.
struct Target {
  explicit Target(size_t size_bytes) : size_bytes(size_bytes) {
    map = static_cast<uint8_t*>(mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    std::memset(map, 0xee, size_bytes);
  }
  ~Target() { munmap(map, size_bytes); }

  const size_t size_bytes;
  uint8_t* map;
};

TEST(BytesAreExactWhateverTheSizeAndNothingBehindThemIsTouched) {
  const TempFolder folder;
  for (const size_t size_bytes : {size_t{1}, kPage - 1, kPage, kPage + 1, 512 * kPage, 512 * kPage + 513}) {
    const ColdFile file(folder.path(), size_bytes);
    BlobReader reader(file.Open(), file.bytes.size());
    Target target(size_bytes + 2 * kPage);
    CHECK_OK(reader.Read(0, target.map, size_bytes));
    CHECK(std::equal(file.bytes.begin(), file.bytes.end(), target.map));
    CHECK(std::all_of(target.map + size_bytes, target.map + target.size_bytes, [](uint8_t byte) { return byte == 0xee; }));
  }
}

TEST(RangesAndTargetsThatAreNotAlignedAreExactToo) {
  const TempFolder folder;
  const ColdFile file(folder.path(), 64 * kPage + 17);
  BlobReader reader(file.Open(), file.bytes.size());
  Target target(file.bytes.size() + kPage);
  for (const size_t offset_bytes : {size_t{0}, size_t{1}, kPage, 3 * kPage + 512}) {
    for (const size_t shift : {size_t{0}, size_t{1}, size_t{512}}) {
      const size_t size_bytes = file.bytes.size() - offset_bytes;
      CHECK_OK(reader.Read(offset_bytes, target.map + shift, size_bytes));
      CHECK(std::equal(file.bytes.begin() + static_cast<ptrdiff_t>(offset_bytes), file.bytes.end(), target.map + shift));
    }
  }
}

TEST(NothingStaysInThePageCacheWhetherItWasThereOrNot) {
  const TempFolder folder;
  const ColdFile file(folder.path(), 256 * kPage + 100);
  // A temporary folder in memory has no other place for it.
  if (file.CachedPages() > 0) return;
  BlobReader reader(file.Open(), file.bytes.size());
  Target target(file.bytes.size());
  CHECK_OK(reader.Read(0, target.map, file.bytes.size()));
  CHECK(file.CachedPages() == 0);
  std::vector<uint8_t> copy(file.bytes.size());
  CHECK(pread(file.Open().get(), copy.data(), copy.size(), 0) == static_cast<ssize_t>(copy.size()));
  CHECK(file.CachedPages() == 257);
  std::memset(target.map, 0, file.bytes.size());
  CHECK_OK(reader.Read(0, target.map, file.bytes.size()));
  CHECK(std::equal(file.bytes.begin(), file.bytes.end(), target.map));
  CHECK(file.CachedPages() == 0);
}

TEST(AFileThatWasCutShortIsAnError) {
  const TempFolder folder;
  const ColdFile file(folder.path(), 8 * kPage);
  BlobReader reader(file.Open(), file.bytes.size());
  CHECK(truncate(file.path.c_str(), 2 * kPage) == 0);
  Target target(file.bytes.size());
  CHECK_CODE(reader.Read(0, target.map, file.bytes.size()), code::kDiskFailed);
}

}  // namespace holdfast::test
