// Random opens, closes, fills, evictions and crashes of clients, in any order. What must hold at every step: a byte that a lease has
// shown is never freed or changed, memory stays below its limit, and every counter is what counting again gives. HOLDFAST_SEED replays
// one run; HOLDFAST_STEPS makes it longer.
#include <algorithm>
#include <cstdlib>

#include "store_fixture.h"

namespace holdfast::test {

constexpr size_t kChunkBytes = 20000;

struct Blob {
  std::vector<uint8_t> bytes;
  BlobSpec spec;
  std::shared_ptr<Fill> fill;
  std::vector<uint32_t> missing;
};

struct Held {
  size_t client = 0;
  std::unique_ptr<OpenedModel> model;
  std::vector<size_t> blobs;
};

class World {
 public:
  explicit World(uint64_t seed) : state_(seed * 2 + 1) {
    for (size_t i = 0; i < 6; i++) {
      Blob blob;
      blob.bytes = Bytes(30000 + 25000 * i, seed * 100 + i);
      blob.spec = SpecOf(blob.bytes, kChunkBytes);
      blobs_.push_back(std::move(blob));
    }
    for (size_t i = 0; i < blobs_.size(); i++) {
      const size_t other = (i + 1) % blobs_.size();
      Model model{"m" + std::to_string(i), {FileOf(i), FileOf(other)}, {}};
      CHECK_OK(fixture_.store->catalog()->Publish(model, {"acme/m" + std::to_string(i)}));
    }
    for (int i = 0; i < 3; i++) clients_.push_back(fixture_.Connect());
  }

  void Step() {
    Blob& blob = blobs_[Random(blobs_.size())];
    switch (Random(11)) {
      case 0:
      case 1:
        return Begin(&blob);
      case 2:
      case 3:
      case 4:
        return Put(&blob);
      case 5:
        return Finish(&blob);
      case 6:
        if (blob.fill != nullptr && Random(3) == 0) blob.fill->Abort(false, Status::Error(code::kNoSource, "given up")), blob.fill.reset();
        return;
      case 7:
      case 8:
        return Open();
      case 9:
        if (!held_.empty()) held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(Random(held_.size())));
        return;
      default:
        if (Random(4) == 0) return Crash();
        (void)fixture_.store->DropMemory(blob.spec.digest);
    }
  }

  void Check() {
    CHECK_OK(fixture_.store->CheckInvariants());
    CHECK(fixture_.store->stats().memory_used_bytes <= fixture_.options.memory_limit_bytes);
    for (const Held& held : held_) CheckBytes(held);
  }

  void End() {
    held_.clear();
    for (Blob& blob : blobs_) blob.fill.reset();
    for (const auto& client : clients_) client->Close();
    fixture_.Await([&] { return fixture_.opened == fixture_.closed; });
    for (const Blob& blob : blobs_) (void)fixture_.store->DropMemory(blob.spec.digest);
    CHECK(fixture_.store->stats().memory_used_bytes == 0);
  }

 private:
  uint64_t Random(uint64_t bound) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % bound;
  }

  ModelFile FileOf(size_t index) const {
    return {"w" + std::to_string(index), blobs_[index].spec.digest, DigestOf(blobs_[index].bytes), blobs_[index].spec.size_bytes, 0};
  }

  void Begin(Blob* blob) {
    if (blob->fill != nullptr) return;
    Status status = fixture_.store->BeginFill(blob->spec, true, false, &blob->fill);
    if (!status.ok()) {
      CHECK(status.Is(code::kMemoryFull));
      return;
    }
    blob->missing.clear();
    for (uint32_t i = 0; i < blob->spec.chunks.size(); i++) blob->missing.push_back(i);
  }

  void Put(Blob* blob) {
    if (blob->fill == nullptr || blob->missing.empty()) return;
    const size_t pick = Random(blob->missing.size());
    const uint32_t index = blob->missing[pick];
    const uint8_t* data = blob->bytes.data() + index * kChunkBytes;
    if (Random(8) == 0) {
      const std::vector<uint8_t> wrong(blob->spec.chunks[index].size_bytes, 0xee);
      CHECK_CODE(blob->fill->PutChunk(index, wrong.data(), wrong.size()), code::kDigestMismatch);
    }
    CHECK_OK(blob->fill->PutChunk(index, data, blob->spec.chunks[index].size_bytes));
    blob->missing.erase(blob->missing.begin() + static_cast<std::ptrdiff_t>(pick));
  }

  void Finish(Blob* blob) {
    if (blob->fill == nullptr || !blob->missing.empty()) return;
    CHECK_OK(blob->fill->Finish());
    blob->fill.reset();
  }

  void Open() {
    const size_t index = Random(blobs_.size());
    const size_t client = Random(clients_.size());
    OpenRequest request;
    request.name = "acme/m" + std::to_string(index);
    request.deadline_ms = 0;
    request.arriving = Random(3) > 0;
    std::promise<Opened> promise;
    clients_[client]->Open(std::move(request), [&](Status status, std::unique_ptr<OpenedModel> model) {
      promise.set_value({std::move(status), std::move(model)});
    });
    Opened opened = promise.get_future().get();
    if (opened.status.ok()) held_.push_back({client, std::move(opened.model), {index, (index + 1) % blobs_.size()}});
  }

  // The socket goes, the maps stay.
  void Crash() {
    const size_t client = Random(clients_.size());
    clients_[client]->Close();
    clients_[client] = fixture_.Connect();
    for (Held& held : held_) CheckBytes(held);
    std::erase_if(held_, [&](const Held& held) { return held.client == client; });
  }

  // Every range that the model shows has the right bytes; a file as a whole only when all of it does.
  void CheckBytes(const Held& held) {
    for (size_t i = 0; i < held.blobs.size(); i++) {
      const Blob& blob = blobs_[held.blobs[i]];
      const size_t index = held.model->files()[i].blob;
      uint64_t ready_bytes = 0;
      for (size_t at = 0; at < blob.bytes.size(); at += kChunkBytes) {
        const size_t part = std::min(kChunkBytes, blob.bytes.size() - at);
        const uint8_t* data = nullptr;
        if (!held.model->WaitRange(index, at, part, 0, &data).ok()) continue;
        CHECK(std::equal(data, data + part, blob.bytes.begin() + static_cast<std::ptrdiff_t>(at)));
        ready_bytes += part;
      }
      CHECK(held.model->blob(index).data == nullptr || ready_bytes == blob.bytes.size());
      CHECK(held.model->ready_bytes(index) >= ready_bytes);
    }
  }

  // Room for about half of the blobs.
  StoreFixture fixture_{[](StoreOptions* options) {
    options->memory_limit_bytes = 300000 / 4096 * 4096;
    options->disk_limit_bytes = 0;
  }};
  uint64_t state_;
  std::vector<Blob> blobs_;
  std::vector<std::shared_ptr<Client>> clients_;
  std::vector<Held> held_;
};

uint64_t NumberOf(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(NoByteUnderALeaseIsFreedOrChanged) {
  const uint64_t steps = NumberOf("HOLDFAST_STEPS", 1500);
  const uint64_t first = NumberOf("HOLDFAST_SEED", 1);
  const uint64_t last = getenv("HOLDFAST_SEED") != nullptr ? first : 4;
  for (uint64_t seed = first; seed <= last; seed++) {
    std::printf("HOLDFAST_SEED=%llu HOLDFAST_STEPS=%llu\n", static_cast<unsigned long long>(seed), static_cast<unsigned long long>(steps));
    World world(seed);
    for (uint64_t step = 0; step < steps; step++) {
      world.Step();
      if (step % 8 == 0) world.Check();
    }
    world.End();
  }
}

}  // namespace holdfast::test
