#include "memory/fill.h"

#include <algorithm>
#include <future>
#include <thread>

#include "blob_spec.h"
#include "harness.h"

namespace holdfast::test {

constexpr size_t kChunkBytes = 10000;

struct Source {
  std::vector<uint8_t> bytes;
  BlobSpec spec;

  explicit Source(size_t size_bytes, uint64_t seed = 1) : bytes(Bytes(size_bytes, seed)), spec(SpecOf(bytes, kChunkBytes)) {}

  const uint8_t* Chunk(uint32_t index) const { return bytes.data() + index * kChunkBytes; }
  Status Put(Fill* fill, uint32_t index) const { return fill->PutChunk(index, Chunk(index), spec.chunks[index].size_bytes); }
};

// Targets and what came of them.
struct Bench {
  TempFolder folder;
  std::shared_ptr<MemoryBudget> budget = MemoryBudget::Create(64 << 20);
  std::shared_ptr<DiskTier> disk;
  std::unique_ptr<ThreadPool> pool = ThreadPool::Create(4);
  std::shared_ptr<Segment> sealed;
  int ends = 0;

  Bench() { CHECK_OK(DiskTier::Open(folder.path(), 64 << 20, &disk)); }

  std::shared_ptr<Fill> Begin(const BlobSpec& spec, bool memory, bool to_disk) {
    CHECK_OK(ValidateBlobSpec(spec));
    FillTargets targets;
    if (memory) {
      MemoryReservation reservation;
      CHECK_OK(budget->Reserve(spec.size_bytes, &reservation));
      CHECK_OK(Segment::Create("test", spec.size_bytes, std::move(reservation), &targets.segment));
    }
    if (to_disk) CHECK_OK(disk->BeginPartial(spec.digest, spec.size_bytes, &targets.partial));
    return Fill::Create(spec, std::move(targets), pool.get(), [this](std::shared_ptr<Segment> segment) {
      sealed = std::move(segment);
      ends++;
    });
  }

  std::vector<uint8_t> InMemory(size_t size_bytes) const {
    std::vector<uint8_t> bytes(size_bytes);
    CHECK(sealed != nullptr);
    CHECK_OK(sealed->Read(0, size_bytes, bytes.data()));
    return bytes;
  }

  std::vector<uint8_t> OnDisk(const Digest& digest) const {
    UniqueFd fd;
    uint64_t size_bytes = 0;
    CHECK_OK(disk->OpenBlob(digest, &fd, &size_bytes));
    std::vector<uint8_t> bytes(size_bytes);
    CHECK_OK(ReadFully(fd.get(), 0, bytes.data(), size_bytes));
    return bytes;
  }
};

TEST(ChunksMayComeInAnyOrder) {
  for (const bool memory : {true, false}) {
    Bench bench;
    const Source source(95000);
    const auto fill = bench.Begin(source.spec, memory, true);
    for (const uint32_t index : {9u, 3u, 0u, 1u, 8u, 2u, 7u, 5u, 4u}) CHECK_OK(source.Put(fill.get(), index));
    CHECK_CODE(fill->Finish(), code::kBadRequest);
    CHECK_OK(source.Put(fill.get(), 6));
    CHECK_OK(source.Put(fill.get(), 6));
    CHECK_OK(fill->Finish());
    CHECK(bench.ends == 1 && (bench.sealed != nullptr) == memory);
    if (memory) CHECK(bench.InMemory(95000) == source.bytes);
    CHECK(bench.OnDisk(source.spec.digest) == source.bytes);
    CHECK_CODE(fill->Finish(), code::kBadRequest);
    CHECK_CODE(source.Put(fill.get(), 0), code::kBadRequest);
    fill->Abort(false, Status::Error(code::kNoSource, "given up"));
    CHECK(bench.ends == 1 && bench.disk->Find(source.spec.digest, nullptr));
  }
}

TEST(ManyThreadsMayPutEveryChunkAtOnce) {
  Bench bench;
  const Source source(1003000, 2);
  const auto fill = bench.Begin(source.spec, true, true);
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 6; t++) {
    threads.emplace_back([&, t] {
      const uint32_t count = static_cast<uint32_t>(source.spec.chunks.size());
      for (uint32_t i = 0; i < count; i++) CHECK_OK(source.Put(fill.get(), (i * (2 * t + 1) + t * 17) % count));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (uint32_t i = 0; i < source.spec.chunks.size(); i++) CHECK_OK(source.Put(fill.get(), i));
  CHECK_OK(fill->Finish());
  CHECK(bench.InMemory(1003000) == source.bytes);
  CHECK(bench.OnDisk(source.spec.digest) == source.bytes);
}

TEST(AWrongChunkStoresNothing) {
  Bench bench;
  const Source source(25000);
  const auto fill = bench.Begin(source.spec, true, true);
  std::vector<uint8_t> wrong(source.Chunk(1), source.Chunk(2));
  wrong[5] ^= 1;
  CHECK_CODE(fill->PutChunk(1, wrong.data(), wrong.size()), code::kDigestMismatch);
  CHECK_CODE(fill->PutChunk(1, source.Chunk(1), kChunkBytes - 1), code::kDigestMismatch);
  CHECK_CODE(fill->PutChunk(1, source.Chunk(0), kChunkBytes), code::kDigestMismatch);
  CHECK_CODE(fill->PutChunk(3, source.Chunk(0), kChunkBytes), code::kBadRequest);
  fill->Abort(true, Status::Error(code::kNoSource, "given up"));
  // Not one byte of it reached the partial file.
  const auto again = bench.Begin(source.spec, true, true);
  std::vector<uint32_t> indices;
  CHECK_OK(again->Recover(&indices));
  CHECK(indices.empty());
  for (uint32_t i = 0; i < 3; i++) CHECK_OK(source.Put(again.get(), i));
  CHECK_OK(again->Finish());
  CHECK(bench.InMemory(25000) == source.bytes);
}

TEST(AnIdThatIsNotThatOfTheChunksIsRefused) {
  for (const size_t size_bytes : {25000, 5000, 0}) {
    BlobSpec spec = Source(size_bytes).spec;
    CHECK_OK(ValidateBlobSpec(spec));
    spec.digest.bytes[0] ^= 1;
    CHECK_CODE(ValidateBlobSpec(spec), code::kBadRequest);
    // Not even the digest of the only chunk, which is the sha256 of the whole.
    spec.digest = DigestOf(Source(size_bytes).bytes);
    CHECK_CODE(ValidateBlobSpec(spec), code::kBadRequest);
  }
}

TEST(AnAbortedFillIsRecoveredAndVerifiedAgain) {
  Bench bench;
  const Source source(95000);
  {
    const auto fill = bench.Begin(source.spec, true, true);
    for (const uint32_t index : {0u, 2u, 9u}) CHECK_OK(source.Put(fill.get(), index));
  }
  // A thread of the pool may be the last to hold the fill.
  bench.pool->Drain();
  CHECK(bench.ends == 1 && bench.budget->used_bytes() == 0);
  // Bytes that changed on disk meanwhile.
  const std::string path = bench.folder.path() + "/partial/" + source.spec.digest.ToHex();
  FILE* file = std::fopen(path.c_str(), "r+");
  CHECK(file != nullptr && std::fseek(file, 2 * kChunkBytes + 7, SEEK_SET) == 0);
  CHECK(std::fputc(source.Chunk(2)[7] ^ 1, file) != EOF && std::fclose(file) == 0);
  const auto fill = bench.Begin(source.spec, true, true);
  std::vector<uint32_t> indices;
  CHECK_OK(fill->Recover(&indices));
  CHECK((indices == std::vector<uint32_t>{0, 9}));
  for (uint32_t i = 1; i < 9; i++) CHECK_OK(source.Put(fill.get(), i));
  CHECK_OK(fill->Finish());
  CHECK(bench.InMemory(95000) == source.bytes);
  CHECK(bench.OnDisk(source.spec.digest) == source.bytes);
}

TEST(AnAbortWithoutKeepingLeavesNothing) {
  Bench bench;
  const Source source(25000);
  const auto fill = bench.Begin(source.spec, true, true);
  CHECK_OK(source.Put(fill.get(), 1));
  fill->Abort(false, Status::Error(code::kNoSource, "given up"));
  CHECK(bench.budget->used_bytes() == 0 && bench.disk->used_bytes() == 0);
  CHECK_OK(bench.disk->CheckInvariants());
}

TEST(AnEmptyBlobFillsWithoutChunks) {
  Bench bench;
  const Source source(0);
  const auto fill = bench.Begin(source.spec, true, true);
  CHECK_OK(fill->Finish());
  CHECK(bench.sealed != nullptr && bench.sealed->size_bytes() == 0);
  uint64_t size_bytes = 1;
  CHECK(bench.disk->Find(source.spec.digest, &size_bytes) && size_bytes == 0);
}

TEST(AnAbortWaitsForRunningChunks) {
  Bench bench;
  const Source source(500000, 3);
  const auto fill = bench.Begin(source.spec, true, true);
  std::thread putting([&] {
    for (uint32_t i = 0; i < source.spec.chunks.size(); i++) {
      const Status status = source.Put(fill.get(), i);
      CHECK(status.ok() || status.Is(code::kBadRequest));
    }
  });
  fill->Abort(true, Status::Error(code::kNoSource, "given up"));
  putting.join();
  CHECK(bench.ends == 1 && bench.budget->used_bytes() == 0);
}

TEST(SpecsThatDoNotAddUpAreRefused) {
  BlobSpec spec = Source(25000).spec;
  spec.size_bytes++;
  CHECK_CODE(ValidateBlobSpec(spec), code::kBadRequest);
  spec = Source(25000).spec;
  spec.chunks.push_back({{}, 0});
  CHECK_CODE(ValidateBlobSpec(spec), code::kBadRequest);
  spec.chunks.back().size_bytes = UINT64_MAX;
  CHECK_CODE(ValidateBlobSpec(spec), code::kBadRequest);
  // Beyond 4 GiB sums stay exact.
  spec.chunks.assign(100, {{}, 64 << 20});
  spec.size_bytes = uint64_t{100} << 26;
  spec.digest = IdOf(spec);
  CHECK_OK(ValidateBlobSpec(spec));
  spec.size_bytes &= UINT32_MAX;
  CHECK_CODE(ValidateBlobSpec(spec), code::kBadRequest);
}

// A chunk that comes piece by piece.
struct Arrival {
  std::unique_ptr<ChunkWrite> write;
  const uint8_t* bytes;
  size_t size_bytes;
  size_t at = 0;

  Arrival(Fill* fill, uint32_t index, const std::vector<uint8_t>& from, size_t start, size_t size)
      : bytes(from.data() + start), size_bytes(size) {
    CHECK_OK(fill->BeginChunk(index, &write));
  }

  void Bring(size_t part_bytes) {
    size_t written = 0;
    CHECK_OK(write->Write(
        [&](uint8_t* data, size_t room_bytes) {
          const size_t part = std::min(part_bytes, room_bytes);
          std::copy_n(bytes + at, part, data);
          return part;
        },
        &written));
    at += written;
  }

  Status End() {
    while (write->missing_bytes() > 0) Bring(3000);
    std::promise<Status> ended;
    write->End([&](Status status) { ended.set_value(std::move(status)); });
    return ended.get_future().get();
  }
};

TEST(ChunksMayComePieceByPiece) {
  for (const bool memory : {true, false}) {
    Bench bench;
    const Source source(95000);
    const auto fill = bench.Begin(source.spec, memory, true);
    std::vector<std::unique_ptr<Arrival>> arrivals;
    for (uint32_t i = 0; i < 10; i++) {
      arrivals.push_back(std::make_unique<Arrival>(fill.get(), i, source.bytes, i * kChunkBytes, source.spec.chunks[i].size_bytes));
      arrivals.back()->Bring(1);
    }
    for (const auto& arrival : arrivals) CHECK_OK(arrival->End());
    CHECK_OK(fill->Finish());
    if (memory) CHECK(bench.InMemory(95000) == source.bytes);
    CHECK(bench.OnDisk(source.spec.digest) == source.bytes);
  }
}

TEST(WrongPiecesAreNotKeptAndTheChunkMayComeAgain) {
  Bench bench;
  const Source source(20000);
  const auto fill = bench.Begin(source.spec, true, true);
  const std::vector<uint8_t> lies = Bytes(20000, 7);
  CHECK_CODE(Arrival(fill.get(), 1, lies, kChunkBytes, kChunkBytes).End(), code::kDigestMismatch);
  std::vector<uint8_t> read(kChunkBytes);
  CHECK(!fill->ReadVerified(kChunkBytes, kChunkBytes, read.data()));
  // One that is given up half way.
  Arrival(fill.get(), 1, lies, kChunkBytes, kChunkBytes).Bring(500);
  CHECK_OK(source.Put(fill.get(), 0));
  CHECK_CODE(fill->Finish(), code::kBadRequest);
  CHECK_OK(Arrival(fill.get(), 1, source.bytes, kChunkBytes, kChunkBytes).End());
  CHECK_OK(fill->Finish());
  CHECK(bench.InMemory(20000) == source.bytes);
  CHECK(bench.OnDisk(source.spec.digest) == source.bytes);
}

// The first of them sends lies after the second has brought the chunk: nothing of it may reach the segment.
TEST(ASlowWriterHoldsNobodyUpAndWritesNothingLater) {
  Bench bench;
  const Source source(20000);
  const auto fill = bench.Begin(source.spec, true, false);
  const std::vector<uint8_t> lies = Bytes(20000, 7);
  Arrival slow(fill.get(), 0, lies, 0, kChunkBytes);
  slow.Bring(100);
  CHECK_OK(Arrival(fill.get(), 0, source.bytes, 0, kChunkBytes).End());
  slow.Bring(5000);
  CHECK_OK(source.Put(fill.get(), 1));
  CHECK_OK(fill->Finish());
  slow.Bring(100);
  // It is told of its lies all the same.
  CHECK_CODE(slow.End(), code::kDigestMismatch);
  CHECK(bench.InMemory(20000) == source.bytes);
}

TEST(AWriterMayOutliveItsFill) {
  Bench bench;
  const Source source(20000);
  auto fill = bench.Begin(source.spec, true, true);
  Arrival late(fill.get(), 0, source.bytes, 0, kChunkBytes);
  late.Bring(100);
  fill->Abort(/*keep_partial=*/false, Status::Error(code::kShuttingDown, "test"));
  fill.reset();
  CHECK_CODE(late.End(), code::kBadRequest);
  CHECK(bench.sealed == nullptr && bench.budget->used_bytes() <= 65536);
}

TEST(ManyWritersOfTheSameChunksAgree) {
  Bench bench;
  const Source source(95000);
  const std::vector<uint8_t> lies = Bytes(95000, 9);
  const auto fill = bench.Begin(source.spec, true, true);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      for (uint32_t i = 0; i < 10; i++) {
        const std::vector<uint8_t>& bytes = t == 3 ? lies : source.bytes;
        Arrival arrival(fill.get(), i, bytes, i * kChunkBytes, source.spec.chunks[i].size_bytes);
        const Status status = arrival.End();
        CHECK(status.ok() || (t == 3 && status.Is(code::kDigestMismatch)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_OK(fill->Finish());
  CHECK(bench.InMemory(95000) == source.bytes);
  CHECK(bench.OnDisk(source.spec.digest) == source.bytes);
}

}  // namespace holdfast::test
