#include "disk/disk_tier.h"

#include <fstream>

#include "harness.h"

namespace holdfast::test {

namespace fs = std::filesystem;

std::shared_ptr<DiskTier> OpenTier(const std::string& path, uint64_t limit_bytes) {
  std::shared_ptr<DiskTier> tier;
  CHECK_OK(DiskTier::Open(path, limit_bytes, &tier));
  return tier;
}

Digest AddBlob(DiskTier* tier, const std::vector<uint8_t>& bytes) {
  std::unique_ptr<PartialBlob> partial;
  const Digest digest = DigestOf(bytes);
  CHECK_OK(tier->BeginPartial(digest, bytes.size(), &partial));
  CHECK_OK(partial->Write(0, bytes.data(), bytes.size()));
  CHECK_OK(partial->Commit(digest, true));
  return digest;
}

TEST(BlobsSurviveAReopen) {
  const TempFolder folder;
  Digest digest;
  {
    const auto tier = OpenTier(folder.path(), 1 << 20);
    digest = AddBlob(tier.get(), Bytes(5000, 1));
    CHECK(tier->used_bytes() == 8192);
  }
  const auto tier = OpenTier(folder.path(), 1 << 20);
  uint64_t size_bytes = 0;
  CHECK(tier->Find(digest, &size_bytes) && size_bytes == 5000);
  CHECK(tier->used_bytes() == 8192);
  CHECK(fs::exists(tier->PathOf(digest)));
  CHECK(tier->Remove(digest) && !tier->Remove(digest));
  CHECK(!fs::exists(tier->PathOf(digest)) && tier->used_bytes() == 0);
  CHECK_OK(tier->CheckInvariants());
}

TEST(AFolderHasOneOwner) {
  const TempFolder folder;
  auto tier = OpenTier(folder.path(), 1 << 20);
  std::shared_ptr<DiskTier> second;
  CHECK_CODE(DiskTier::Open(folder.path(), 1 << 20, &second), code::kDiskFailed);
  tier.reset();
  CHECK_OK(DiskTier::Open(folder.path(), 1 << 20, &second));
}

TEST(TheLimitHoldsAndIdlePartialsGiveWayOldestFirst) {
  const TempFolder folder;
  const auto tier = OpenTier(folder.path(), 4 * 4096);
  std::unique_ptr<PartialBlob> one, two, three;
  CHECK_OK(tier->BeginPartial(DigestOf(Bytes(1, 1)), 4096, &one));
  CHECK_OK(tier->BeginPartial(DigestOf(Bytes(1, 2)), 4096, &two));
  CHECK_CODE(tier->BeginPartial(DigestOf(Bytes(1, 2)), 4096, &three), code::kBadRequest);
  CHECK_CODE(tier->BeginPartial(DigestOf(Bytes(1, 3)), 3 * 4096, &three), code::kDiskFull);
  CHECK_CODE(tier->BeginPartial(DigestOf(Bytes(1, 3)), 5 * 4096, &three), code::kTooLarge);
  CHECK_CODE(tier->BeginPartial(DigestOf(Bytes(1, 3)), UINT64_MAX, &three), code::kTooLarge);
  two.reset();
  one.reset();
  CHECK(tier->used_bytes() == 2 * 4096);
  CHECK_OK(tier->BeginPartial(DigestOf(Bytes(1, 3)), 3 * 4096, &three));
  // The partial that was left first, `two`, is gone; `one` is still there.
  std::unique_ptr<PartialBlob> again;
  CHECK_OK(tier->BeginPartial(DigestOf(Bytes(1, 1)), 4096, &again));
  CHECK(again->existed());
  CHECK_OK(tier->CheckInvariants());
}

TEST(APartialThatCannotBeHelpedByGivingUpOthersLeavesThemAlone) {
  const TempFolder folder;
  const auto tier = OpenTier(folder.path(), 4 * 4096);
  std::unique_ptr<PartialBlob> idle, active, large;
  CHECK_OK(tier->BeginPartial(DigestOf(Bytes(1, 1)), 4096, &idle));
  CHECK_OK(tier->BeginPartial(DigestOf(Bytes(1, 2)), 2 * 4096, &active));
  idle.reset();
  CHECK_CODE(tier->BeginPartial(DigestOf(Bytes(1, 3)), 3 * 4096, &large), code::kDiskFull);
  CHECK_OK(tier->BeginPartial(DigestOf(Bytes(1, 1)), 4096, &idle));
  CHECK(idle->existed());
}

TEST(APartialKnowsWhatWasNeverWritten) {
  const TempFolder folder;
  const auto tier = OpenTier(folder.path(), 64 << 20);
  const Digest digest = DigestOf(Bytes(1, 1));
  const auto bytes = Bytes(1 << 20, 5);
  std::unique_ptr<PartialBlob> partial;
  CHECK_OK(tier->BeginPartial(digest, 32 << 20, &partial));
  CHECK(!partial->existed());
  CHECK_OK(partial->Write(8 << 20, bytes.data(), bytes.size()));
  partial.reset();
  CHECK_OK(tier->BeginPartial(digest, 32 << 20, &partial));
  CHECK(partial->existed() && partial->MayHold(8 << 20, 1 << 20));
  partial.reset();
  // Another size is another file.
  CHECK_OK(tier->BeginPartial(digest, 16 << 20, &partial));
  CHECK(!partial->existed());
}

TEST(ImportsLeaveNothingBehind) {
  const TempFolder folder;
  {
    const auto tier = OpenTier(folder.path(), 1 << 20);
    std::unique_ptr<PartialBlob> import;
    CHECK_OK(tier->BeginImport(100, &import));
    import.reset();
    CHECK(tier->used_bytes() == 0 && fs::is_empty(folder.path() + "/partial"));
  }
  std::ofstream(folder.path() + "/partial/import-7") << "left by a crash";
  const auto tier = OpenTier(folder.path(), 1 << 20);
  CHECK(fs::is_empty(folder.path() + "/partial"));
}

TEST(FilesThatAreNotBlobsAreIgnored) {
  const TempFolder folder;
  fs::create_directories(folder.path() + "/blobs/ab");
  std::ofstream(folder.path() + "/blobs/ab/README") << "not a blob";
  std::ofstream(folder.path() + "/blobs/ab/" + std::string(64, 'c')) << "wrong shard";
  const auto tier = OpenTier(folder.path(), 1 << 20);
  CHECK(tier->List().empty() && tier->used_bytes() == 0);
}

TEST(ABlobThatWasCutShortIsRemoved) {
  const TempFolder folder;
  const auto tier = OpenTier(folder.path(), 1 << 20);
  const Digest digest = AddBlob(tier.get(), Bytes(5000, 1));
  fs::permissions(tier->PathOf(digest), fs::perms::owner_write, fs::perm_options::add);
  fs::resize_file(tier->PathOf(digest), 100);
  UniqueFd fd;
  uint64_t size_bytes = 0;
  CHECK_CODE(tier->OpenBlob(digest, &fd, &size_bytes), code::kDiskFailed);
  CHECK(!tier->Find(digest, nullptr) && tier->used_bytes() == 0);
}

TEST(PartialOffsetsBeyondFourGibibytesAreExact) {
  const TempFolder folder;
  const uint64_t size_bytes = (uint64_t{5} << 30) + 10;
  // On a disk without that much room the preallocation says so, which is as good an answer.
  const auto tier = OpenTier(folder.path(), uint64_t{6} << 30);
  std::unique_ptr<PartialBlob> partial;
  const Status status = tier->BeginPartial(DigestOf(Bytes(1, 1)), size_bytes, &partial);
  if (status.Is(code::kDiskFull)) return;
  CHECK_OK(status);
  const uint8_t byte = 42;
  CHECK_OK(partial->Write(size_bytes - 1, &byte, 1));
  uint8_t bytes[2] = {};
  CHECK_OK(partial->Read(size_bytes - 2, bytes, 2));
  CHECK(bytes[0] == 0 && bytes[1] == 42);
  CHECK(partial->MayHold(size_bytes - 1, 1));
  partial->Discard();
  CHECK(tier->used_bytes() == 0);
}

TEST(FilesOfAFormerNodeAreTakenOver) {
  TempFolder folder;
  const Digest blob = DigestOf(Bytes(1, 1)), partial = DigestOf(Bytes(1, 2)), twin = DigestOf(Bytes(1, 3));
  const Digest blob_id = DigestOf(Bytes(2, 1)), partial_id = DigestOf(Bytes(2, 2)), twin_id = DigestOf(Bytes(2, 3));
  const std::vector<BlobMove> moves = {{blob, blob_id}, {partial, partial_id}, {twin, twin_id}, {Digest(), DigestOf(Bytes(2, 4))}};
  for (int round = 0; round < 2; round++) {
    std::shared_ptr<DiskTier> tier;
    CHECK_OK(DiskTier::Open(folder.path(), 1 << 20, &tier));
    const auto put = [&](const Digest& name, size_t size_bytes) {
      std::unique_ptr<PartialBlob> target;
      CHECK_OK(tier->BeginPartial(name, size_bytes, &target));
      CHECK_OK(target->Write(0, Bytes(size_bytes, 9).data(), size_bytes));
      return target;
    };
    uint64_t moved = 0;
    if (round == 0) {
      CHECK_OK(put(blob, 5000)->Commit(blob, false));
      CHECK_OK(put(twin, 4096)->Commit(twin, false));
      CHECK_OK(put(twin_id, 4096)->Commit(twin_id, false));
      const std::unique_ptr<PartialBlob> active = put(partial, 10000);
      // One that is being written stays until its writer has ended.
      CHECK_OK(tier->TakeOver({{partial, partial_id}}, &moved));
      CHECK(moved == 0);
    }
    CHECK_OK(tier->TakeOver(moves, &moved));
    CHECK(moved == (round == 0 ? 2 : 0));
    CHECK_OK(tier->CheckInvariants());
    uint64_t size_bytes = 0;
    CHECK(tier->Find(blob_id, &size_bytes) && size_bytes == 5000 && !tier->Find(blob, nullptr));
    CHECK(tier->Find(twin_id, nullptr) && !tier->Find(twin, nullptr));
    CHECK(tier->used_bytes() == 2 * 4096 + 4096 + 3 * 4096);
    UniqueFd fd;
    CHECK_OK(tier->OpenBlob(blob_id, &fd, &size_bytes));
    std::unique_ptr<PartialBlob> again;
    CHECK_OK(tier->BeginPartial(partial_id, 10000, &again));
    CHECK(again->existed() && again->MayHold(0, 10000));
  }
}

}  // namespace holdfast::test
