// Invariants: files and blobs arrive in order, without gaps. Every descriptor is mapped and closed at once, so that a model of
// any number of files needs no more than one frame's descriptors. A blob is mapped only when its seals promise that it can
// neither shrink (a read would die of SIGBUS) nor be written (by whoever else holds it).
#include "model_assembly.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace holdfast {

namespace {

Status Broken(const std::string& what) {
  return Status::Error(code::kStoreProtocol, "The store sent " + what);
}

Status MapBlob(int fd, MappedBlob* blob) {
  struct stat info;
  if (fstat(fd, &info) != 0) return Status::Errno(code::kSystem, "fstat of a segment", errno);
  const int seals = fcntl(fd, F_GET_SEALS);
  const int needed = F_SEAL_WRITE | F_SEAL_SHRINK;
  if (seals < 0 || (seals & needed) != needed) return Broken("a descriptor that is not a sealed segment");
  if (info.st_size == 0) return Status();
  void* map = mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return Status::Errno(code::kSystem, "mmap of a segment", errno);
  blob->data = static_cast<const uint8_t*>(map);
  blob->size_bytes = static_cast<uint64_t>(info.st_size);
  return Status();
}

}  // namespace

class ModelAssembly::Lease final : public OpenedModel {
 public:
  explicit Lease(std::shared_ptr<ClientLink> link) : link_(std::move(link)) {}

  ~Lease() override {
    for (const MappedBlob& blob : blobs_) {
      if (blob.data != nullptr) munmap(const_cast<uint8_t*>(blob.data), blob.size_bytes);
    }
    if (id_ != 0) link_->Send(FrameWriter(FrameType::kClose, 0).U64(id_).Take());
  }

  const std::string& digest() const override { return digest_; }
  const std::vector<OpenedFile>& files() const override { return files_; }
  const std::vector<MappedBlob>& blobs() const override { return blobs_; }

  Status Add(FrameReader* frame, std::vector<UniqueFd> fds) {
    const uint64_t id = frame->U64();
    const std::string digest(frame->Str());
    const uint32_t files_total = frame->U32();
    const uint32_t blobs_total = frame->U32();
    const uint32_t first_file = frame->U32();
    const uint32_t file_count = frame->U32();
    const uint32_t first_blob = frame->U32();
    const uint32_t blob_count = frame->U32();
    if (!frame->ok() || id == 0) return Broken("a malformed model frame");
    if (id_ == 0) {
      id_ = id;
      digest_ = digest;
      files_total_ = files_total;
      blobs_total_ = blobs_total;
    }
    if (id != id_ || digest != digest_ || files_total != files_total_ || blobs_total != blobs_total_ ||
        first_file != files_.size() || first_blob != blobs_.size() || blob_count != fds.size() ||
        file_count > files_total - first_file || blob_count > blobs_total - first_blob ||
        (file_count == 0 && blob_count == 0 && files_total > 0)) {
      return Broken("model frames that contradict each other");
    }
    for (uint32_t i = 0; i < file_count && frame->ok(); i++) AddFile(frame);
    if (!frame->AtEnd()) return Broken("a malformed model frame");
    for (const UniqueFd& fd : fds) {
      blobs_.emplace_back();
      Status status = MapBlob(fd.get(), &blobs_.back());
      if (!status.ok()) return status;
    }
    return complete() ? CheckFiles() : Status();
  }

  bool complete() const {
    return id_ != 0 && files_.size() == files_total_ && blobs_.size() == blobs_total_;
  }

 private:
  void AddFile(FrameReader* frame) {
    OpenedFile file;
    file.blob = frame->U32();
    file.size_bytes = frame->U64();
    frame->Raw(file.sha256.bytes.data(), file.sha256.bytes.size());
    file.path = frame->Str();
    files_.push_back(std::move(file));
  }

  Status CheckFiles() const {
    for (const OpenedFile& file : files_) {
      if (file.blob >= blobs_.size() || blobs_[file.blob].size_bytes != file.size_bytes) {
        return Broken("a segment that has not the size of its file " + file.path);
      }
    }
    return Status();
  }

  const std::shared_ptr<ClientLink> link_;
  uint64_t id_ = 0;
  std::string digest_;
  uint32_t files_total_ = 0;
  uint32_t blobs_total_ = 0;
  std::vector<OpenedFile> files_;
  std::vector<MappedBlob> blobs_;
};

ModelAssembly::ModelAssembly(std::shared_ptr<ClientLink> link) : lease_(std::make_unique<Lease>(std::move(link))) {}
ModelAssembly::~ModelAssembly() = default;

Status ModelAssembly::Add(FrameReader* frame, std::vector<UniqueFd> fds) { return lease_->Add(frame, std::move(fds)); }
bool ModelAssembly::complete() const { return lease_->complete(); }
std::unique_ptr<OpenedModel> ModelAssembly::Take() { return std::move(lease_); }

}  // namespace holdfast
