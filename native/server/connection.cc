// Invariant: queue_ holds what has not been sent; a model's item keeps its grant, and so its segments' descriptors, until its
// last frame is with the kernel.
#include "server/connection.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "memory/ready_bitmap.h"
#include "os/socket_io.h"

namespace holdfast {

Connection::ReadResult Connection::Read(std::vector<uint8_t>* buffer, size_t* size_bytes, std::vector<UniqueFd>* fds) {
  fds->clear();
  const int error = ReceiveFrame(fd_.get(), buffer, size_bytes, fds);
  if (error == EAGAIN) return ReadResult::kAgain;
  if (error == EMSGSIZE) return ReadResult::kOversized;
  // Descriptors were lost, because this process is at its limit: the frame is judged without them.
  if (error == EMFILE) {
    fds->clear();
    return ReadResult::kFrame;
  }
  if (error != 0 || *size_bytes == 0) return ReadResult::kClosed;
  return ReadResult::kFrame;
}

void Connection::Send(std::string bytes) {
  Outgoing item;
  item.bytes = std::move(bytes);
  queue_.push_back(std::move(item));
}

void Connection::SendGrant(uint32_t request, std::shared_ptr<const LeaseGrant> grant) {
  Outgoing item;
  item.request = request;
  item.grant = std::move(grant);
  queue_.push_back(std::move(item));
}

Connection::FlushResult Connection::Flush() {
  while (!queue_.empty()) {
    Outgoing& item = queue_.front();
    uint32_t next_file = item.next_file;
    uint32_t next_blob = item.next_blob;
    const Frame frame = item.grant == nullptr ? Frame{item.bytes, {}} : NextModelFrame(item, &next_file, &next_blob);
    const FlushResult result = SendFrame(frame);
    if (result != FlushResult::kDone) return result;
    item.next_file = next_file;
    item.next_blob = next_blob;
    const bool complete = item.grant == nullptr || (next_file == item.grant->model->files.size() &&
                                                    next_blob == item.grant->model->blobs.size());
    if (complete) queue_.pop_front();
  }
  return FlushResult::kDone;
}

Frame Connection::NextModelFrame(const Outgoing& item, uint32_t* next_file, uint32_t* next_blob) const {
  const Model& model = *item.grant->model;
  FrameWriter writer(FrameType::kModel, item.request);
  writer.U64(item.grant->info.id).Str(model.digest);
  writer.U32(static_cast<uint32_t>(model.files.size())).U32(static_cast<uint32_t>(model.blobs.size()));
  const size_t counts_at = writer.size();
  writer.U32(*next_file).U32(0).U32(*next_blob).U32(0);
  uint32_t file_count = 0;
  for (; *next_file < model.files.size(); ++*next_file, ++file_count) {
    const ModelFile& file = model.files[*next_file];
    // Leaves room for the states of as many blobs as one frame can have.
    const size_t entry_bytes = 4 + 8 + 32 + 2 + file.path.size() + kFdsPerFrameMax;
    if (writer.size() + entry_bytes > kFrameBytesMax) break;
    writer.U32(file.blob).U64(file.size_bytes).Raw(file.sha256.bytes.data(), 32).Str(file.path);
  }
  Frame frame;
  uint32_t blob_count = 0;
  // A client of version 1 is never granted what arrives.
  for (; *next_blob < model.blobs.size() && frame.fds.size() + 2 <= kFdsPerFrameMax; ++*next_blob, ++blob_count) {
    const GrantedBlob& blob = item.grant->blobs[*next_blob];
    frame.fds.push_back(blob.segment->read_only_fd());
    if (blob.ready != nullptr) frame.fds.push_back(blob.ready->read_only_fd());
    const int state = (blob.ready != nullptr ? kBlobArriving : 0) | (blob.segment->exported() ? kBlobExported : 0);
    if (version >= 2) writer.U8(static_cast<uint8_t>(state));
  }
  writer.PatchU32(counts_at + 4, file_count);
  writer.PatchU32(counts_at + 12, blob_count);
  frame.bytes = writer.Take();
  return frame;
}

Connection::FlushResult Connection::SendFrame(const Frame& frame) {
  const int error = SendFrameTo(fd_.get(), frame);
  if (error == 0) return FlushResult::kDone;
  if (error == EAGAIN || error == ENOBUFS) return FlushResult::kBlocked;
  if (error == ETOOMANYREFS) return FlushResult::kStalled;
  return FlushResult::kClosed;
}

}  // namespace holdfast
